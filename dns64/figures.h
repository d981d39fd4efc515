// SPDX-License-Identifier: BSD-3-Clause
// What the engine and its sockets count. One list; enum, array, CLI and metrics come from it.
#pragma once

#include <array>
#include <cstdint>

namespace isthmus::dns64 {

#define ISTHMUS_DNS64_FIGURES(X)                                                              \
  X(kQueries, "queries", "client messages received")                                          \
  X(kQueriesTcp, "queries-tcp", "of which over TCP")                                          \
  X(kDroppedMalformed, "dropped-malformed", "client messages too short to be answered")       \
  X(kDroppedResponses, "dropped-responses", "responses sent to us as if they were queries")   \
  X(kRefusedNotRecursive, "refused-not-recursive", "queries without RD, refused")             \
  X(kOverload, "overload", "queries failed because too many were waiting")                    \
  X(kOverloadClient, "overload-client", "queries failed because their client had too many")   \
  X(kOverloadZone, "overload-zone", "queries failed because their zone had too many")         \
  X(kRateLimited, "rate-limited", "queries over their client's rate, dropped or answered TC") \
  X(kCookies, "cookies", "queries with a cookie of ours (RFC 7873)")                          \
  X(kRefusedClients, "refused-clients", "queries of clients that are refused")                \
  X(kBlocked, "blocked", "queries for blocked names")                                         \
  X(kAnswers, "answers", "answers sent to clients")                                           \
  X(kAnswersNoError, "answers-noerror", "answers with RCODE 0")                               \
  X(kAnswersFormErr, "answers-formerr", "answers with RCODE 1")                               \
  X(kAnswersServFail, "answers-servfail", "answers with RCODE 2")                             \
  X(kAnswersNxDomain, "answers-nxdomain", "answers with RCODE 3")                             \
  X(kAnswersNotImp, "answers-notimp", "answers with RCODE 4")                                 \
  X(kAnswersRefused, "answers-refused", "answers with RCODE 5")                               \
  X(kAnswersOther, "answers-other", "answers with any other RCODE")                           \
  X(kTruncated, "truncated", "answers sent with TC, too large for the client's UDP")          \
  X(kSynthesised, "synthesised", "AAAA answers synthesised from A records")                   \
  X(kNativeAaaa, "native-aaaa", "AAAA answers passed through")                                \
  X(kExcludedAaaa, "excluded-aaaa", "AAAA answers with records in an excluded range")         \
  X(kNotCarried, "not-carried", "A answers the prefix must not carry, so not synthesised")    \
  X(kSynthesisNotAllowed, "synthesis-not-allowed", "AAAA queries with CD and DO, forwarded")  \
  X(kSynthesisExcluded, "synthesis-excluded", "AAAA queries excluded by name or client")      \
  X(kAbsenceKnown, "absence-known", "AAAA queries saved: known to have none")                 \
  X(kReverse, "reverse", "PTR answers for addresses inside a prefix")                         \
  X(kLocal, "local", "answers made here (ipv4only.arpa and reverse)")                         \
  X(kJoined, "joined", "queries that joined an identical one in flight")                      \
  X(kCacheHits, "cache-hits", "queries answered from the cache")                              \
  X(kCacheMisses, "cache-misses", "queries that were not in the cache")                       \
  X(kCacheEvicted, "cache-evicted", "answers evicted to stay inside the bounds")              \
  X(kStale, "stale", "stale answers served (RFC 8767)")                                       \
  X(kPrefetches, "prefetches", "answers in use refreshed before their end")                   \
  X(kUpstreamSent, "upstream-sent", "queries sent upstream over UDP")                         \
  X(kUpstreamSentTcp, "upstream-sent-tcp", "queries sent upstream over TCP or TLS")           \
  X(kUpstreamAnswers, "upstream-answers", "answers accepted from upstream")                   \
  X(kUpstreamTimeouts, "upstream-timeouts", "tries without an answer in time")                \
  X(kUpstreamFailed, "upstream-failed", "tries refused by the network")                       \
  X(kUpstreamFailover, "upstream-failover", "tries moved to another upstream")                \
  X(kUpstreamExhausted, "upstream-exhausted", "questions no upstream answered")               \
  X(kUpstreamTruncated, "upstream-truncated", "answers with TC, asked again over TCP")        \
  X(kUpstreamMalformed, "upstream-malformed", "answers that are not well-formed")             \
  X(kUpstreamMismatch, "upstream-mismatch", "answers to another ID or question, ignored")     \
  X(kUpstreamCase, "upstream-case", "answers in another case than asked, not trusted")        \
  X(kUpstreamOversized, "upstream-oversized", "UDP answers larger than asked for, ignored")   \
  X(kUpstreamCookies, "upstream-cookies", "answers with our cookie (RFC 7873)")               \
  X(kUpstreamBadCookie, "upstream-bad-cookie", "answers without our cookie, not trusted")     \
  X(kUpstreamLate, "upstream-late", "answers after the question was settled")                 \
  X(kTlsConnections, "tls-connections", "TLS connections made to upstreams")                  \
  X(kTlsUntrusted, "tls-untrusted", "upstreams not asked: their certificate is not trusted")  \
  X(kTlsFailed, "tls-failed", "TLS connections that came to nothing for another reason")      \
  X(kTcpClients, "tcp-clients", "TCP connections accepted from clients")                      \
  X(kTcpClientsRefused, "tcp-clients-refused", "TCP connections refused by the limits")       \
  X(kTcpClientsClosed, "tcp-clients-closed", "TCP connections closed for idling or garbage")

enum class FigureId : uint8_t {
#define X(id, name, help) id,
  ISTHMUS_DNS64_FIGURES(X)
#undef X
};

struct FigureInfo {
  const char* name;
  const char* help;
};
inline constexpr FigureInfo kFigureInfo[] = {
#define X(id, name, help) {name, help},
    ISTHMUS_DNS64_FIGURES(X)
#undef X
};

class Figures {
 public:
  void count(FigureId id, uint64_t n = 1) { values_[static_cast<std::size_t>(id)] += n; }
  uint64_t operator[](FigureId id) const { return values_[static_cast<std::size_t>(id)]; }
  uint64_t at(std::size_t index) const { return values_[index]; }

 private:
  std::array<uint64_t, std::size(kFigureInfo)> values_{};
};

}  // namespace isthmus::dns64
