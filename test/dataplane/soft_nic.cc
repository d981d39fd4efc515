// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/soft_nic.h"

#include <rte_ethdev.h>
#include <rte_thash.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <vector>

namespace {

using isthmus::test::Bytes;
using isthmus::test::SoftNic;

struct Told {
  std::vector<uint8_t> key;
  std::vector<uint16_t> table;
  unsigned queues = 1;
};

SoftNic kind;
std::map<uint16_t, Told> ports;

uint32_t word_at(const Bytes& frame, std::size_t at) {
  return uint32_t{frame.at(at)} << 24 | uint32_t{frame.at(at + 1)} << 16 |
         uint32_t{frame.at(at + 2)} << 8 | frame.at(at + 3);
}

// What a card hashes, in words of the host's order, as rte_softrss() wants them.
std::vector<uint32_t> tuple_of(const Bytes& frame) {
  std::size_t at = 12;
  if (frame.at(at) == 0x81 && frame.at(at + 1) == 0) at += 4;
  const bool v6 = frame.at(at) == 0x86;
  const std::size_t ip = at + 2;
  const unsigned protocol = frame.at(ip + (v6 ? 6 : 9));
  const bool fragment = !v6 && (word_at(frame, ip + 4) & 0x3fff) != 0;
  std::vector<uint32_t> words;
  const std::size_t first = ip + (v6 ? 8 : 12);
  for (std::size_t i = 0; i < (v6 ? 8u : 2u); ++i) words.push_back(word_at(frame, first + 4 * i));
  const std::size_t l4 = ip + (v6 ? 40 : std::size_t{frame.at(ip) & 15u} * 4);
  if (!fragment && (protocol == 6 || protocol == 17)) words.push_back(word_at(frame, l4));
  return words;
}

}  // namespace

namespace isthmus::test {

void SoftNic::be(const SoftNic& nic) {
  kind = nic;
  ports.clear();
}

unsigned SoftNic::queue_of(const std::string& device, const Bytes& frame) {
  uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(device.c_str(), &id) != 0) throw std::runtime_error(device);
  const Told& told = ports[id];
  if (told.table.empty()) return 0;
  static const Bytes usual =
      hex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");
  const auto& key = kind.hashes_otherwise || told.key.empty() ? usual : told.key;
  auto words = tuple_of(frame);
  const uint32_t hash = rte_softrss(words.data(), static_cast<uint32_t>(words.size()), key.data());
  return told.table[hash % told.table.size()];
}

}  // namespace isthmus::test

extern "C" {

int __real_rte_eth_dev_info_get(uint16_t id, rte_eth_dev_info* info);
int __real_rte_eth_dev_configure(uint16_t id, uint16_t rx, uint16_t tx, const rte_eth_conf* conf);

int __wrap_rte_eth_dev_info_get(uint16_t id, rte_eth_dev_info* info) {
  const int code = __real_rte_eth_dev_info_get(id, info);
  if (code != 0 || kind.entries == 0) return code;
  info->reta_size = static_cast<uint16_t>(kind.entries);
  info->hash_key_size = static_cast<uint8_t>(kind.key_bytes);
  info->flow_type_rss_offloads = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
  return 0;
}

int __wrap_rte_eth_dev_configure(uint16_t id, uint16_t rx, uint16_t tx, const rte_eth_conf* conf) {
  rte_eth_conf plain = *conf;
  Told told;
  told.queues = rx;
  if (conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS) {
    const auto& rss = conf->rx_adv_conf.rss_conf;
    if (rss.rss_key != nullptr) {
      if (!kind.takes_key || rss.rss_key_len != kind.key_bytes) return -EINVAL;
      told.key.assign(rss.rss_key, rss.rss_key + rss.rss_key_len);
    }
    // As drivers fill it at start.
    for (unsigned i = 0; i < kind.entries; ++i) {
      told.table.push_back(static_cast<uint16_t>(i % rx));
    }
    plain.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    plain.rx_adv_conf = {};
  }
  ports[id] = told;
  return __real_rte_eth_dev_configure(id, rx, tx, &plain);
}

int __wrap_rte_eth_dev_rss_reta_update(uint16_t id, rte_eth_rss_reta_entry64* groups,
                                       uint16_t size) {
  Told& told = ports[id];
  if (!kind.takes_table) return -ENOTSUP;
  if (size != told.table.size()) return -EINVAL;
  for (unsigned i = 0; i < size; ++i) {
    const auto& group = groups[i / RTE_ETH_RETA_GROUP_SIZE];
    const unsigned place = i % RTE_ETH_RETA_GROUP_SIZE;
    if ((group.mask >> place & 1) == 0) continue;
    if (group.reta[place] >= told.queues) return -EINVAL;
    told.table[i] = group.reta[place];
  }
  return 0;
}

int __wrap_rte_eth_dev_rss_reta_query(uint16_t id, rte_eth_rss_reta_entry64* groups,
                                      uint16_t size) {
  const Told& told = ports[id];
  if (size != told.table.size()) return -EINVAL;
  for (unsigned i = 0; i < size; ++i) {
    groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = told.table[i];
  }
  return 0;
}

int __wrap_rte_eth_dev_rss_hash_conf_get(uint16_t id, rte_eth_rss_conf* conf) {
  const Told& told = ports[id];
  if (told.key.empty()) return -ENOTSUP;
  std::copy(told.key.begin(), told.key.end(), conf->rss_key);
  return 0;
}

}  // extern "C"
