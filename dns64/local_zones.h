// SPDX-License-Identifier: BSD-3-Clause
// Names of the operator's own: hosts-format files and zone files, with forward and reverse.
//
// Theory of operation. A hash table from names in lower case to their records. A zone that is
// declared is ours alone: a name in it that has no records does not exist. Names of a hosts file
// for "." are answered where they stand and everything else goes upstream. Hosts without an IPv6
// address get one by synthesis like those of the world; addresses of hosts files name their host
// backwards too, also inside a translation prefix. Built once when the configuration is applied,
// then immutable.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dns64/answer.h"
#include "dns64/policy.h"
#include "net/result.h"

namespace isthmus::dns64 {

class LocalZones {
 public:
  /// Declares `zone` as ours, unless it is the root.
  void add_zone(const Name& zone);
  /// "ADDRESS NAME..." a line, as in /etc/hosts. Names without a dot are taken to be in `zone`;
  /// those outside are an error.
  Status add_hosts(const Name& zone, const std::string& file, std::string_view text);
  /// A master file (RFC 1035 5). No wildcards, DNAME or delegations.
  Status add_master(const Name& zone, const std::string& file, const std::string& text);

  /// The answer, if the name is ours.
  std::optional<Answer> answer(const Question& question, const Policy& policy) const;

  /// That files gave records; without those that backwards follow from hosts.
  std::size_t names() const { return names_with_records_; }
  bool empty() const { return names_.empty() && zones_.empty(); }

 private:
  struct Record {
    uint16_t type = 0;
    uint32_t ttl = 0;
    std::vector<uint8_t> rdata;
  };
  using Records = std::vector<Record>;

  static std::string key_of(const Name& name);
  /// Whether it is the first of this name.
  bool add(const Name& zone, const Name& name, Record record);
  const Records* find(const Name& name) const;
  const Name* zone_of(const Name& name) const;
  /// Writes what `name` has of `type`, following CNAMEs. False: no data.
  bool write(class Builder& builder, Name name, uint16_t type, const Policy& policy) const;
  bool write_records(class Builder& builder, const Name& name, const Records& records,
                     uint16_t type, const Policy& policy) const;
  std::optional<Answer> reverse(const Question& question, const Policy& policy) const;
  void write_soa(class Builder& builder, const Name& zone) const;

  std::unordered_map<std::string, Records> names_;
  std::vector<Name> zones_;
  std::size_t names_with_records_ = 0;
};

}  // namespace isthmus::dns64
