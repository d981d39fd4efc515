// SPDX-License-Identifier: BSD-3-Clause
// What a Prometheus server gets: figures of the whole gateway, by the names of its conventions
// (https://prometheus.io/docs/practices/naming/).
//
// Theory of operation. look() asks what the commands of the same names ask: counters are read as
// they stand, tables and pools by one bounded question to each worker. It runs on the control core.
// Counters, drop reasons and their help come from the lists in lib/telemetry, so that none is
// missing.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "control/backend.h"
#include "control/state_walk.h"

namespace isthmus::metrics {

using Families = std::vector<prometheus::MetricFamily>;

/// Every figure, as of now. Of workers that do not answer, what needs no answer.
Families look(control::Backend& backend, control::StateWalk& walk);

}  // namespace isthmus::metrics
