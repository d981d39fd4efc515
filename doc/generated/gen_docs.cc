// SPDX-License-Identifier: BSD-3-Clause
// Makes the pages that come from tables. They are committed, so that they can be read on the web;
// a test runs "check" and fails when a table has changed since.
//   gen-docs write DOC    makes them anew
//   gen-docs check DOC    1 if one of them is not what would be made
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "conf/option.h"
#include "control/command_table.h"
#include "telemetry/counters.h"

namespace {

using namespace isthmus;

std::string counters_markdown() {
  std::string out =
      "<!-- Made by gen-docs from lib/telemetry; do not edit. -->\n"
      "# Counters and drop reasons\n\n"
      "Each worker counts for itself; `show counters`, `show drops` are sums.\n\n"
      "## Counters\n\n| name | meaning |\n|---|---|\n";
  for (std::size_t i = 0; i < telemetry::kCounterCount; ++i) {
    const auto counter = static_cast<telemetry::Counter>(i);
    out += fmt::format("| `{}` | {} |\n", telemetry::name(counter), telemetry::help(counter));
  }
  out +=
      "\n## Drop reasons\n\nA packet that is not forwarded counts under exactly one.\n\n"
      "| reason | meaning |\n|---|---|\n";
  for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) {
    const auto reason = static_cast<telemetry::DropReason>(i);
    out += fmt::format("| `{}` | {} |\n", telemetry::name(reason), telemetry::help(reason));
  }
  return out;
}

constexpr const char* kMadeBy =
    ".\\\" SPDX-License-Identifier: BSD-3-Clause\n"
    ".\\\" Made by gen-docs; do not edit.\n";

std::string isthmusctl_man() {
  return std::string(kMadeBy) +
         ".TH ISTHMUSCTL 1 \"\" Isthmus \"User Commands\"\n"
         ".SH NAME\nisthmusctl \\- show and steer a running isthmusd\n"
         ".SH SYNOPSIS\n.B isthmusctl\n[\\fIOPTIONS\\fR] [\\fICOMMAND\\fR]\n"
         ".SH DESCRIPTION\n"
         "Sends commands to\n.BR isthmusd (8)\nover its socket and shows the answers as tables.\n"
         "Without a command, on a terminal, it is a shell: Tab completes, ? tells what can come\n"
         "next, history is kept in ~/.isthmusctl_history, long answers go through a pager;\n"
         "otherwise it takes one command from each line of standard input, passing over empty\n"
         "lines and those that begin with #.\n"
         "Words of commands may be shortened while they stay unambiguous.\n"
         ".SH OPTIONS\n"
         ".TP\n.BR \\-j \", \" \\-\\-json\nPrint answers as JSON, one object a line, as they "
         "come.\n"
         ".TP\n.BR \\-f \", \" \\-\\-file \" \" \\fIFILE\\fR\n"
         "Run the commands in FILE, one a line; \\- is standard input.\n"
         ".TP\n.BR \\-s \", \" \\-\\-socket \" \" \\fIPATH\\fR\n"
         "The daemon's socket. Default: $ISTHMUS_SOCKET, or /run/isthmus/isthmus.sock.\n"
         ".TP\n.BR \\-h \", \" \\-\\-help\nHelp; after a command, that command's.\n"
         ".TP\n.BR \\-V \", \" \\-\\-version\nVersion of isthmusctl.\n"
         ".SH COMMANDS\n" +
         control::commands_man() +
         ".SH ENVIRONMENT\n"
         ".TP\n.B ISTHMUS_PAGER\n, or PAGER: shows long answers in the shell; without them less, "
         "if "
         "there is one; cat for none.\n"
         ".TP\n.B NO_COLOR\nAnything: no bold headings.\n"
         ".TP\n.B TERM\nIf dumb, watch and top print one text after the other.\n"
         ".SH EXIT STATUS\n"
         "0: done. 1: a command failed. 2: wrong options. 3: no connection to the daemon.\n"
         ".SH EXAMPLES\n.nf\n"
         "isthmusctl show sessions inside 2001:db8:1::/64\n"
         "isthmusctl \\-\\-json show bindings outside 203.0.113.7:40112\n"
         "isthmusctl watch every 1 show top drops\n"
         "isthmusctl clear sessions remote 192.0.2.0/24 protocol udp\n"
         ".fi\n"
         ".SH SEE ALSO\n.BR isthmusd (8),\n.BR isthmus.conf (5)\n";
}

std::string isthmus_conf_man() {
  return std::string(kMadeBy) +
         ".TH ISTHMUS.CONF 5 \"\" Isthmus \"File Formats\"\n"
         ".SH NAME\nisthmus.conf \\- configuration of isthmusd\n"
         ".SH SYNOPSIS\n.B /etc/isthmus/isthmus.conf\n"
         ".SH DESCRIPTION\n"
         "The file is libconfig text: groups { name = value; }, lists ( ... ) and arrays [ ... ];\n"
         "comments begin with # or // or stand between /* and */.\n"
         "Anything unknown, of a wrong type or out of range is an error that names file, line and\n"
         "option; a file with an error changes nothing. \"isthmusd \\-\\-check\\-config\" checks "
         "a\n"
         "file without starting.\n"
         ".PP\nBelow, [] stands for an element of a list. A live option changes with\n"
         "\"isthmusctl reload\"; while a restart option differs from the running one, a reload is\n"
         "refused and everything stays as it was.\n"
         ".SH OPTIONS\n" +
         conf::reference_man() + ".SH SEE ALSO\n.BR isthmusd (8),\n.BR isthmusctl (1)\n";
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_check = argc == 3 && std::strcmp(argv[1], "check") == 0;
  if (!is_check && (argc != 3 || std::strcmp(argv[1], "write") != 0)) {
    std::fprintf(stderr, "usage: gen-docs write|check DOC-FOLDER\n");
    return 2;
  }
  struct Page {
    const char* path;
    std::string text;
  };
  const Page pages[] = {
      {"/generated/config.md", conf::reference_markdown()},
      {"/generated/cli.md", control::commands_markdown()},
      {"/generated/counters.md", counters_markdown()},
      {"/man/isthmusctl.1", isthmusctl_man()},
      {"/man/isthmus.conf.5", isthmus_conf_man()},
  };
  int stale = 0;
  for (const auto& page : pages) {
    const auto path = argv[2] + std::string(page.path);
    if (!is_check) {
      std::ofstream(path, std::ios::binary) << page.text;
    } else if (read_file(path) != page.text) {
      std::fprintf(stderr, "%s is stale: run \"ninja -C BUILD docs\" and commit it\n",
                   path.c_str());
      ++stale;
    }
  }
  return stale != 0;
}
