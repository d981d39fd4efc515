// SPDX-License-Identifier: BSD-3-Clause
// Where names stand in the data of record types that may compress them.
#pragma once

#include <cstdint>

namespace isthmus::dns64 {

/// `fixed` octets, then `strings` character strings, then `names` names, then anything.
struct RdataLayout {
  uint8_t fixed = 0;
  uint8_t strings = 0;
  uint8_t names = 0;
  uint8_t tail = 0;           ///< octets that have to follow; kAnyTail: any number
  bool compressible = false;  ///< RFC 3597 4: only the types of RFC 1035 may be sent compressed
};
inline constexpr uint8_t kAnyTail = 255;

/// Layout of `type`; `names` is 0 for types whose data is opaque to us. RFC 3597 4 lists most types
/// in which a receiver should expect compressed names although a sender must not compress them; in
/// RRSIG, NSEC, SVCB and HTTPS nobody may, but a pointer copied as it is would lead somewhere else.
constexpr RdataLayout rdata_layout(uint16_t type) {
  switch (type) {
    case 2:                                       // NS
    case 3:                                       // MD
    case 4:                                       // MF
    case 5:                                       // CNAME
    case 7:                                       // MB
    case 8:                                       // MG
    case 9:                                       // MR
    case 12: return {0, 0, 1, 0, true};           // PTR
    case 6: return {0, 0, 2, 20, true};           // SOA
    case 14: return {0, 0, 2, 0, true};           // MINFO
    case 15: return {2, 0, 1, 0, true};           // MX
    case 17: return {0, 0, 2, 0, false};          // RP
    case 18:                                      // AFSDB
    case 21:                                      // RT
    case 36: return {2, 0, 1, 0, false};          // KX
    case 24: return {18, 0, 1, kAnyTail, false};  // SIG
    case 26: return {2, 0, 2, 0, false};          // PX
    case 30: return {0, 0, 1, kAnyTail, false};   // NXT
    case 33: return {6, 0, 1, 0, false};          // SRV
    case 35: return {4, 3, 1, 0, false};          // NAPTR
    case 39: return {0, 0, 1, 0, false};          // DNAME
    case 46: return {18, 0, 1, kAnyTail, false};  // RRSIG
    case 47: return {0, 0, 1, kAnyTail, false};   // NSEC
    case 64:                                      // SVCB
    case 65: return {2, 0, 1, kAnyTail, false};   // HTTPS
    default: return {};
  }
}

}  // namespace isthmus::dns64
