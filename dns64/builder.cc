// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/builder.h"

#include "dns64/rdata.h"

namespace isthmus::dns64 {

void Builder::put8(uint8_t v) {
  if (size_ + 1 > out_.size()) {
    overflow_ = true;
    return;
  }
  out_[size_++] = v;
}

void Builder::put16(uint16_t v) {
  put8(static_cast<uint8_t>(v >> 8));
  put8(static_cast<uint8_t>(v));
}

void Builder::put32(uint32_t v) {
  put16(static_cast<uint16_t>(v >> 16));
  put16(static_cast<uint16_t>(v));
}

void Builder::put_bytes(Bytes bytes) {
  if (bytes.size() > out_.size() - size_) {
    overflow_ = true;
    return;
  }
  if (!bytes.empty()) std::memcpy(out_.data() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void Builder::begin(const Question& question, uint16_t flags) {
  constexpr std::size_t kUsualRecords = 16;
  ttl_offsets_.reserve(kUsualRecords);
  question_ = question.name;
  put16(0);
  put16(flags);
  put16(1);
  for (int i = 0; i < 3; ++i) put16(0);
  put_name(question.name, true);
  put16(question.type);
  put16(question.klass);
}

Builder::Suffixes Builder::suffixes_of(const Name& name) const {
  Suffixes s;
  const Bytes wire = name.wire();
  for (std::size_t at = 0; wire[at] != 0; at += wire[at] + 1u) {
    s.start[s.count++] = static_cast<uint8_t>(at);
  }
  // From the right, so that each suffix extends the hash of the next shorter one.
  uint32_t hash = 2166136261;
  std::size_t end = wire.size() - 1;
  for (unsigned i = s.count; i-- > 0;) {
    for (std::size_t at = s.start[i]; at < end; ++at) hash = (hash ^ wire[at]) * 16777619;
    end = s.start[i];
    s.hash[i] = hash;
  }
  work_ += wire.size();
  return s;
}

bool Builder::written_at_equals(std::size_t at, Bytes name) const {
  std::size_t position = 0;
  for (;;) {
    while ((out_[at] & 0xc0) == 0xc0) at = get16(out_, at) & 0x3fff;
    const std::size_t length = out_[at] + 1u;
    work_ += length;
    if (name.size() - position < length) return false;
    if (std::memcmp(out_.data() + at, name.data() + position, length) != 0) return false;
    if (length == 1) return true;
    position += length;
    at += length;
  }
}

uint16_t Builder::find(uint32_t hash, Bytes suffix) const {
  for (unsigned i = hash % kSlots, probes = 0; probes < 8; i = (i + 1) % kSlots, ++probes) {
    if (offsets_[i] == 0) return 0;
    if (hashes_[i] == hash && written_at_equals(offsets_[i], suffix)) return offsets_[i];
  }
  return 0;
}

void Builder::remember(uint32_t hash, std::size_t offset) {
  if (offset > 0x3fff) return;
  for (unsigned i = hash % kSlots, probes = 0; probes < 8; i = (i + 1) % kSlots, ++probes) {
    if (offsets_[i] != 0) continue;
    hashes_[i] = hash;
    offsets_[i] = static_cast<uint16_t>(offset);
    return;
  }
}

void Builder::put_name(const Name& name, bool compress) {
  if (compress && size_ > kHeaderSize && !name.is_root() && name == question_) {
    put16(kPointerMask | kHeaderSize);
    return;
  }
  if (!compress || names_ >= kMaxNames) {
    put_bytes(name.wire());
    return;
  }
  ++names_;
  const Suffixes s = suffixes_of(name);
  const std::size_t start = size_;
  unsigned i = 0;
  uint16_t known = 0;
  while (i < s.count && !(known = find(s.hash[i], name.wire().subspan(s.start[i])))) ++i;
  const std::size_t own = known != 0 ? s.start[i] : name.size();
  put_bytes(name.wire().first(own));
  if (known != 0) put16(static_cast<uint16_t>(kPointerMask | known));
  if (overflow_) return;
  for (unsigned k = 0; k < i; ++k) remember(s.hash[k], start + s.start[k]);
}

bool Builder::start_record(Section section, const Name& owner, uint16_t type, uint16_t klass,
                           uint32_t ttl) {
  if (section == Section::kAdditional && additional_at_ == 0) additional_at_ = size_;
  put_name(owner, true);
  put16(type);
  put16(klass);
  if (size_ > kMaxMessage) overflow_ = true;
  ttl_offsets_.push_back(static_cast<uint16_t>(size_));
  if (ttl < lowest_ttl_) lowest_ttl_ = ttl;
  put32(ttl);
  length_at_ = size_;
  put16(0);
  if (!overflow_) ++counts_[static_cast<std::size_t>(section)];
  return !overflow_;
}

bool Builder::end_record() {
  const std::size_t length = size_ - length_at_ - 2;
  if (overflow_ || length > 0xffff) {
    overflow_ = true;
    return false;
  }
  out_[length_at_] = static_cast<uint8_t>(length >> 8);
  out_[length_at_ + 1] = static_cast<uint8_t>(length);
  return true;
}

bool Builder::add(Section section, const Name& owner, uint16_t type, uint32_t ttl, Bytes rdata) {
  if (!start_record(section, owner, type, kClassIn, ttl)) return false;
  put_bytes(rdata);
  return end_record();
}

bool Builder::add_name(Section section, const Name& owner, uint16_t type, uint32_t ttl,
                       const Name& target) {
  if (!start_record(section, owner, type, kClassIn, ttl)) return false;
  put_name(target, true);
  return end_record();
}

bool Builder::copy(const Message& from, const Record& record) {
  return copy(from, record, record.ttl);
}

bool Builder::copy(const Message& from, const Record& record, uint32_t ttl) {
  return start_record(record.section, owner_of(from, record), record.type, record.klass, ttl) &&
         copy_rdata(from, record) && end_record();
}

bool Builder::copy_rdata(const Message& from, const Record& record) {
  const RdataLayout layout = rdata_layout(record.type);
  const std::size_t end = record.rdata + record.rdata_size;
  std::size_t at = record.rdata;
  // RFC 2136 uses empty data; so may anybody for types that we do not know.
  if (layout.names == 0 || record.rdata_size == 0) {
    put_bytes(from.bytes.subspan(at, record.rdata_size));
    return true;
  }
  std::size_t head = layout.fixed;
  for (unsigned i = 0; i < layout.strings; ++i) {
    if (at + head >= end) return false;
    head += from.bytes[at + head] + 1u;
  }
  if (at + head > end) return false;
  put_bytes(from.bytes.subspan(at, head));
  at += head;
  for (unsigned i = 0; i < layout.names; ++i) {
    Name name;
    if (at >= end || !read_name(from.bytes.first(end), at, name)) return false;
    put_name(name, layout.compressible);
  }
  if (layout.tail != kAnyTail && end - at != layout.tail) return false;
  put_bytes(from.bytes.subspan(at, end - at));
  return true;
}

Bytes Builder::finish() {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    out_[6 + 2 * i] = static_cast<uint8_t>(counts_[i] >> 8);
    out_[7 + 2 * i] = static_cast<uint8_t>(counts_[i]);
  }
  return out_.first(size_);
}

}  // namespace isthmus::dns64
