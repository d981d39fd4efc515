// SPDX-License-Identifier: BSD-3-Clause
// hot path
// From a finished IP packet to a frame on its way out: next hop, link header, port.
#pragma once

#include <cstring>

#include "dataplane/core.h"
#include "dataplane/punt.h"
#include "dataplane/tx.h"
#include "dataplane/work.h"
#include "net/checksum.h"
#include "xlat/rewrite.h"

namespace isthmus::dataplane {

/// A next hop made ready for sending: the next packet often takes the one of the packet before it.
struct Exit {
  uint64_t index = ~uint64_t{0};  ///< no next hop has it
  uint32_t plain_mtu = 0;         ///< Adjacency::plain_mtu
  uint32_t link_length = 0;
  uint64_t first = 0;               ///< eight bytes of the link header
  uint64_t last = 0;                ///< its last eight
  uint32_t middle = 0;              ///< what of one with a VLAN tag lies between
  Transmitter::Out* out = nullptr;  ///< nullptr: the port's queue is another worker's
  uint16_t port = 0;

  /// Frames without a tag, into a queue of ours.
  bool is_usual() const { return out != nullptr && link_length == sizeof(net::EthHeader); }
};

class RouteStage {
 public:
  RouteStage(Core& core, Transmitter& tx, Punter& punter) : core_(core), tx_(tx), punter_(punter) {}

  /// Fills next_hops of the ways from `first` on, up to `end`.
  template <int kFamily>
  void look_up(Work& work, unsigned first, unsigned end) const;

  AdjacencyIndex look_up(net::Ip4 destination) const;
  AdjacencyIndex look_up(const net::Ip6& destination) const;

  /// Sends the IP packet in `mbuf` to next hop `index`.
  void send(rte_mbuf* mbuf, uint64_t index, uint8_t hops);
  /// Sends the packet of `length` bytes at `ip`, which lies in `mbuf` behind enough headroom, on
  /// its way, which is resolved.
  [[gnu::always_inline]] void send_resolved(rte_mbuf* mbuf, uint8_t* ip, uint32_t length,
                                            const Exit& exit, uint8_t hops = 0) {
    if (exit.link_length != sizeof(net::EthHeader)) [[unlikely]]
      net::store(ip - exit.link_length + sizeof exit.first, exit.middle);
    const uint32_t frame_length = write_frame(mbuf, ip, length, exit, exit.link_length);
    if (exit.out == nullptr) [[unlikely]]
      return tx_.give(mbuf, exit.port, hops);
    tx_.add(*exit.out, mbuf, frame_length);
  }
  /// The way of packets of EtherType `type` over next hop `index`.
  Exit exit_to(uint64_t index, net::EtherType type) const;

  /// How a burst's packets leave, each its own way.
  class Ways {
   public:
    Ways(RouteStage& route, const Work& work, net::EtherType type)
        : route_(route), work_(work), type_(type) {}
    /// Adjacency::plain_mtu of packet `i`, which may be sent next.
    [[gnu::always_inline]] uint32_t plain_mtu(unsigned i) {
      if (work_.next_hop(i) != exit_.index) exit_ = route_.exit_to(work_.next_hop(i), type_);
      return exit_.plain_mtu;
    }
    [[gnu::always_inline]] void send(rte_mbuf* mbuf, uint8_t* ip, uint32_t length) {
      route_.send_resolved(mbuf, ip, length, exit_);
    }
    void pause() {}
    void resume() {}

   private:
    RouteStage& route_;
    const Work& work_;
    const net::EtherType type_;
    Exit exit_;
  };
  /// The same where all of them go one usual way, as nearly all bursts do.
  class OneWay {
   public:
    [[gnu::always_inline]] OneWay(RouteStage& route, const Work&, const Exit& exit)
        : exit_(exit), run_(route.tx_, *exit.out) {}
    uint32_t plain_mtu(unsigned) const { return exit_.plain_mtu; }
    [[gnu::always_inline]] void send(rte_mbuf* mbuf, uint8_t* ip, uint32_t length) {
      run_.add(mbuf, write_frame(mbuf, ip, length, exit_, sizeof(net::EthHeader)));
    }
    /// Before others send, and after.
    [[gnu::always_inline]] void pause() { run_.pause(); }
    [[gnu::always_inline]] void resume() { run_.resume(); }

   private:
    const Exit exit_;
    Transmitter::Run run_;
  };
  /// The way that all of the burst's packets go; not a usual one if they differ.
  Exit common_exit(const Work& work, net::EtherType type) const;

  /// Sends it where its own destination leads.
  void send_by_destination(rte_mbuf* mbuf, uint8_t hops);

  /// Gives an IPv4 packet that came in on `from` to the box.
  void give_to_box(rte_mbuf* mbuf, InterfaceId from);

  const Adjacency& adjacency(uint64_t index) const { return core_.forwarding->adjacencies[index]; }

 private:
  /// The frame's length.
  [[gnu::always_inline]] static uint32_t write_frame(rte_mbuf* mbuf, uint8_t* ip, uint32_t length,
                                                     const Exit& exit, uint32_t link_length) {
    uint8_t* link = ip - link_length;
    net::store(link, exit.first);
    net::store(ip - sizeof exit.last, exit.last);
    const uint32_t frame_length = length + link_length;
    mbuf->data_off = static_cast<uint16_t>(link - static_cast<uint8_t*>(mbuf->buf_addr));
    mbuf->pkt_len = frame_length;
    mbuf->data_len = static_cast<uint16_t>(frame_length);
    return frame_length;
  }
  void send_on_link(rte_mbuf* mbuf, const Adjacency& link);

  Core& core_;
  Transmitter& tx_;
  Punter& punter_;
};

}  // namespace isthmus::dataplane
