// SPDX-License-Identifier: BSD-3-Clause
#include "export/ipfix_encoder.h"

#include <fixbuf/public.h>

#include <stdexcept>

namespace isthmus::exporter {
namespace {

// libfixbuf fails where this code is wrong, or memory is out; not for what it is fed.
[[noreturn]] void fail(const char* what, GError* error) {
  std::string text = std::string("libfixbuf: ") + what;
  if (error != nullptr) text += std::string(": ") + error->message;
  g_clear_error(&error);
  throw std::runtime_error(text);
}

fbTemplate_t* make_template(fbInfoModel_t* model, Layout layout) {
  fbTemplate_t* made = fbTemplateAlloc(model);
  for (const auto element : elements_of(layout)) {
    const auto* known = fbInfoModelGetElementByID(model, static_cast<uint16_t>(element), 0);
    if (known == nullptr) fail("an information element is missing", nullptr);
    fbInfoElementSpec_t spec{const_cast<char*>(known->ref.name), info_of(element).length, 0};
    GError* error = nullptr;
    if (!fbTemplateAppendSpec(made, &spec, 0, &error)) fail("template", error);
  }
  return made;
}

std::vector<Layout> layouts_of(const conf::ExportChoice& choice) {
  const auto mask = mask_of(choice);
  std::vector<Layout> out;
  const auto add = [&](nat::EventMask events, std::initializer_list<Layout> layouts) {
    if ((mask & events) == 0) return;
    for (const auto layout : layouts) out.push_back(layout);
  };
  add(nat::kSessionEvents,
      {choice.destinations ? Layout::kSessionWithDestination : Layout::kSession});
  add(nat::kBindingEvents | nat::kStaticEvents, {Layout::kBib});
  add(nat::kStaticEvents, {Layout::kAddressBinding});
  add(nat::kPortBlockEvents, {Layout::kPortBlock});
  add(nat::mask_of(nat::EventKind::kPoolExhausted),
      {Layout::kAddressesExhausted, Layout::kPortsExhausted, Layout::kThreshold});
  add(nat::mask_of(nat::EventKind::kSubscriberLimit),
      {Layout::kQuotaSessions, Layout::kQuotaBindings, Layout::kQuotaUser,
       Layout::kQuotaSubscribers});
  return out;
}

}  // namespace

/// libfixbuf's state of one transport session.
struct IpfixEncoder::Session {
  std::vector<uint8_t> buffer;
  fbInfoModel_t* model;
  fbSession_t* session;
  fbExporter_t* exporter;
  fBuf_t* fbuf;
  std::vector<Layout> layouts;
  Layout current = Layout::kEnd;
  uint32_t records = 0;  ///< in the message that is open
  bool empty = true;

  explicit Session(const Options& options)
      : buffer(options.message_size),
        model(fbInfoModelAlloc()),
        session(fbSessionAlloc(model)),
        layouts(layouts_of(options.choice)) {
    fbSessionSetDomain(session, options.domain);
    for (const auto layout : layouts) {
      fbTemplate_t* made = make_template(model, layout);
      for (const gboolean internal : {gboolean{1}, gboolean{0}}) {
        GError* error = nullptr;
        if (fbSessionAddTemplate(session, internal, static_cast<uint16_t>(layout), made, &error) ==
            0) {
          fail("add template", error);
        }
      }
    }
    exporter = fbExporterAllocBuffer(buffer.data(), options.message_size);
    fbuf = fBufAllocForExport(session, exporter);
    fBufSetAutomaticMode(fbuf, FALSE);
  }
  ~Session() {
    fBufFree(fbuf);  // with session and exporter
    fbInfoModelFree(model);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void use(Layout layout) {
    if (layout == current) return;
    GError* error = nullptr;
    const auto id = static_cast<uint16_t>(layout);
    if (!fBufSetInternalTemplate(fbuf, id, &error) || !fBufSetExportTemplate(fbuf, id, &error)) {
      fail("use template", error);
    }
    current = layout;
  }
};

IpfixEncoder::IpfixEncoder(Options options)
    : options_(std::move(options)), session_(std::make_unique<Session>(options_)) {}
IpfixEncoder::~IpfixEncoder() = default;

uint16_t IpfixEncoder::message_size(uint16_t packet_size, bool ipv6) {
  constexpr unsigned kUdp = 8, kIpv4 = 20, kIpv6 = 40;
  return static_cast<uint16_t>(packet_size - kUdp - (ipv6 ? kIpv6 : kIpv4));
}

void IpfixEncoder::begin() {
  session_ = std::make_unique<Session>(options_);
  templates_due_s_ = 0;
}

void IpfixEncoder::emit(Output& out) {
  Session& s = *session_;
  if (s.empty) return;
  GError* error = nullptr;
  if (!fBufEmit(s.fbuf, &error)) fail("emit", error);
  out.add(std::span(s.buffer).first(fbExporterGetMsgLen(s.exporter)), s.records);
  s.records = 0;
  s.empty = true;
}

void IpfixEncoder::add_templates(Output& out) {
  Session& s = *session_;
  for (const auto layout : s.layouts) {
    GError* error = nullptr;
    // libfixbuf gives templates messages of their own: the first call ends in EOM even where there
    // is no message yet; another one, if the template does not fit any more.
    for (unsigned tries = 0;
         !fbSessionExportTemplate(s.session, static_cast<uint16_t>(layout), &error); ++tries) {
      if (tries == 2 || !g_error_matches(error, FB_ERROR_DOMAIN, FB_ERROR_EOM)) {
        fail("write template", error);
      }
      g_clear_error(&error);
      emit(out);
    }
    s.empty = false;
  }
}

void IpfixEncoder::add(const Record& record, Output& out) {
  Session& s = *session_;
  s.use(record.layout);
  const auto bytes = record.bytes();
  GError* error = nullptr;
  // EOM where the record does not fit any more, and for the first one after templates.
  for (unsigned tries = 0;
       !fBufAppend(s.fbuf, const_cast<uint8_t*>(bytes.data()), bytes.size(), &error); ++tries) {
    if (tries == 2 || !g_error_matches(error, FB_ERROR_DOMAIN, FB_ERROR_EOM)) fail("append", error);
    g_clear_error(&error);
    emit(out);
  }
  s.empty = false;
  ++s.records;
}

void IpfixEncoder::encode(std::span<const Item> items, const conf::Config& config, double now_s,
                          Output& out) {
  const bool again = options_.template_interval != 0 && now_s >= templates_due_s_;
  if (templates_due_s_ == 0 || again) {
    add_templates(out);
    templates_due_s_ = now_s + options_.template_interval;
  }
  std::array<Record, kMaxRecords> records;
  for (const auto& item : items) {
    const std::size_t count = make_records(item, options_.destinations, config, records);
    for (std::size_t i = 0; i < count; ++i) add(records[i], out);
  }
  emit(out);
}

}  // namespace isthmus::exporter
