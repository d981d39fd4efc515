// SPDX-License-Identifier: BSD-3-Clause
// Options of exporters of NAT events.
#include "conf/option_table.h"

namespace isthmus::conf {
namespace {

constexpr Range kQueue{1024, 1 << 24};
constexpr Range kFacility{0, 23};

constexpr std::string_view kEventsHelp =
    "What is told. Empty: port blocks, bindings of pools that lend single ports, static bindings, "
    "what was refused, and (with exhaustion) pools that come to their alarm.";
constexpr std::string_view kDestinationsHelp =
    "Whether records of sessions say whom a host talked to (RFC 6888 REQ-12: not by default).";
constexpr std::string_view kQueueHelp =
    "Events that wait for a slow collector; beyond, they are lost and counted.";
constexpr Range kPort{0, 65535};
constexpr Range kTlsName{0, 253};

constexpr std::string_view kCaHelp =
    "With \"tls\": file of certificates (PEM) of the authorities that may vouch for the collector. "
    "Empty: those that the system trusts. Files of TLS are read anew for each connection.";
constexpr std::string_view kNameHelp =
    "With \"tls\": name that the collector's certificate must hold (RFC 7011 11.3, RFC 5425 5.2). "
    "Empty: its address.";
constexpr std::string_view kFingerprintHelp =
    "With \"tls\", instead of authorities and name: the collector's certificate, as \"sha-256:\" "
    "and 32 octets in hexadecimal with colons (RFC 5425 4.2.2).";
constexpr std::string_view kCertificateHelp =
    "With \"tls\": file with our own certificate (PEM) and the chain to its authority, which most "
    "collectors of IPFIX demand (RFC 7011 11.3). Empty: none.";
constexpr std::string_view kKeyHelp =
    "With \"tls\": file with the private key (PEM) of our certificate.";
constexpr std::string_view kFacilityHelp = "Facility (RFC 5424 6.2.1); 16: local0.";

constexpr Option kExportOptions[] = {
    {"export.ipfix[].collector",
     member<&IpfixExport::collector>(),
     kLive,
     {},
     "",
     true,
     "Address of the collector, reached by the kernel's routes."},
    {"export.ipfix[].port", member<&IpfixExport::port>(), kLive, kPort, "", false,
     "Its port; 0: 4739, with \"tls\" 4740 (RFC 7011 10.3.4)."},
    {"export.ipfix[].transport",
     member<&IpfixExport::transport>(),
     kLive,
     {},
     "",
     false,
     "How messages travel. Over UDP nothing tells that they arrive; only TLS keeps others from "
     "reading and changing them."},
    {"export.ipfix[].tls_ca_file",
     member<&IpfixExport::tls, &ExportTls::ca_file>(),
     kLive,
     {0, 4095},
     "",
     false,
     kCaHelp},
    {"export.ipfix[].tls_name", member<&IpfixExport::tls, &ExportTls::name>(), kLive, kTlsName, "",
     false, kNameHelp},
    {"export.ipfix[].tls_fingerprint",
     member<&IpfixExport::tls, &ExportTls::fingerprint>(),
     kLive,
     {0, 103},
     "",
     false,
     kFingerprintHelp},
    {"export.ipfix[].tls_certificate_file",
     member<&IpfixExport::tls, &ExportTls::certificate_file>(),
     kLive,
     {0, 4095},
     "",
     false,
     kCertificateHelp},
    {"export.ipfix[].tls_key_file",
     member<&IpfixExport::tls, &ExportTls::key_file>(),
     kLive,
     {0, 4095},
     "",
     false,
     kKeyHelp},
    {"export.ipfix[].domain",
     member<&IpfixExport::domain>(),
     kLive,
     {1, std::numeric_limits<int32_t>::max()},
     "",
     false,
     "Observation Domain ID: tells this gateway from others (RFC 8158 5.1)."},
    {"export.ipfix[].template_interval",
     member<&IpfixExport::template_interval>(),
     kLive,
     {1, 86400},
     "s",
     false,
     "Over UDP, templates are sent again after so long (RFC 7011 8.4)."},
    {"export.ipfix[].packet_size",
     member<&IpfixExport::packet_size>(),
     kLive,
     {512, 9000},
     "bytes",
     false,
     "Largest packet over UDP: what the path to the collector carries (RFC 7011 10.3.3)."},
    {"export.ipfix[].events",
     member<&IpfixExport::choice, &ExportChoice::events>(),
     kLive,
     {},
     "",
     false,
     kEventsHelp},
    {"export.ipfix[].destinations",
     member<&IpfixExport::choice, &ExportChoice::destinations>(),
     kLive,
     {},
     "",
     false,
     kDestinationsHelp},
    {"export.ipfix[].queue", member<&IpfixExport::choice, &ExportChoice::queue>(), kLive, kQueue,
     "events", false, kQueueHelp},

    {"export.syslog[].collector",
     member<&SyslogExport::collector>(),
     kLive,
     {},
     "",
     true,
     "Address of the receiver, reached by the kernel's routes."},
    {"export.syslog[].port", member<&SyslogExport::port>(), kLive, kPort, "", false,
     "Its port; 0: 514, with \"tls\" 6514."},
    {"export.syslog[].transport",
     member<&SyslogExport::transport>(),
     kLive,
     {},
     "",
     false,
     "UDP (RFC 5426), TCP with octets counted (RFC 6587 3.4.1), or TLS (RFC 5425)."},
    {"export.syslog[].tls_ca_file",
     member<&SyslogExport::tls, &ExportTls::ca_file>(),
     kLive,
     {0, 4095},
     "",
     false,
     kCaHelp},
    {"export.syslog[].tls_name", member<&SyslogExport::tls, &ExportTls::name>(), kLive, kTlsName,
     "", false, kNameHelp},
    {"export.syslog[].tls_fingerprint",
     member<&SyslogExport::tls, &ExportTls::fingerprint>(),
     kLive,
     {0, 103},
     "",
     false,
     kFingerprintHelp},
    {"export.syslog[].tls_certificate_file",
     member<&SyslogExport::tls, &ExportTls::certificate_file>(),
     kLive,
     {0, 4095},
     "",
     false,
     kCertificateHelp},
    {"export.syslog[].tls_key_file",
     member<&SyslogExport::tls, &ExportTls::key_file>(),
     kLive,
     {0, 4095},
     "",
     false,
     kKeyHelp},
    {"export.syslog[].facility", member<&SyslogExport::facility>(), kLive, kFacility, "", false,
     kFacilityHelp},
    {"export.syslog[].events",
     member<&SyslogExport::choice, &ExportChoice::events>(),
     kLive,
     {},
     "",
     false,
     kEventsHelp},
    {"export.syslog[].destinations",
     member<&SyslogExport::choice, &ExportChoice::destinations>(),
     kLive,
     {},
     "",
     false,
     kDestinationsHelp},
    {"export.syslog[].queue", member<&SyslogExport::choice, &ExportChoice::queue>(), kLive, kQueue,
     "events", false, kQueueHelp},

    {"export.files[].path",
     member<&FileExport::path>(),
     kLive,
     {1, 4095},
     "",
     true,
     "The file, appended to; an absolute path. It is opened anew when it was moved or removed."},
    {"export.files[].facility", member<&FileExport::facility>(), kLive, kFacility, "", false,
     kFacilityHelp},
    {"export.files[].events",
     member<&FileExport::choice, &ExportChoice::events>(),
     kLive,
     {},
     "",
     false,
     kEventsHelp},
    {"export.files[].destinations",
     member<&FileExport::choice, &ExportChoice::destinations>(),
     kLive,
     {},
     "",
     false,
     kDestinationsHelp},
    {"export.files[].queue", member<&FileExport::choice, &ExportChoice::queue>(), kLive, kQueue,
     "events", false, kQueueHelp},
};

}  // namespace

std::span<const Option> export_options() {
  return kExportOptions;
}

}  // namespace isthmus::conf
