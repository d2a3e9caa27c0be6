// What `momec report` prints, and what --budget says when a plan is larger than it.
#include "tools/momec/memory_text.h"
#include "tools/momec/text_table.h"

#include "runtime/text.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>

using namespace mome;

namespace momec {

std::optional<int64_t> parseBytes(llvm::StringRef text) {
  double value = 0;
  size_t digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || text.take_front(digits).getAsDouble(value)) {
    return std::nullopt;
  }
  llvm::StringRef unit = digits == llvm::StringRef::npos ? "" : text.substr(digits).ltrim();
  double scale = llvm::StringSwitch<double>(unit)
                     .Cases({"", "B", "bytes"}, 1)
                     .Case("KiB", std::ldexp(1, 10))
                     .Case("MiB", std::ldexp(1, 20))
                     .Case("GiB", std::ldexp(1, 30))
                     .Case("KB", 1e3)
                     .Case("MB", 1e6)
                     .Case("GB", 1e9)
                     .Default(0);
  return scale > 0 && value > 0 ? std::optional(int64_t(value * scale)) : std::nullopt;
}

static std::string cell(int64_t bytes) {
  return bytes == 0 ? "-" : bytes_text(bytes);
}
static std::string cell(double flops) {
  return flops == 0 ? "-" : llvm::formatv("{0:F4}", flops * 1e-9).str();
}

static void addRow(TextTable &table, const std::string &name, const PartUse &use, bool recomputes) {
  std::vector<std::string> cells = {name,
                                    cell(use.weights),
                                    cell(use.optimizer),
                                    cell(use.gradients),
                                    cell(use.activations),
                                    cell(use.workspace),
                                    cell(use.bytes()),
                                    cell(use.flops.forward),
                                    cell(use.flops.backward),
                                    cell(use.flops.update)};
  if (recomputes) {
    cells.push_back(cell(use.flops.recomputed));
  }
  table.add(cells);
}

/// "12 dispatches run again: 1.5 GFLOP, 9.8 % more, for 3.2 GiB less"; empty if none does.
static std::string recomputationText(const MemoryReport &report) {
  Work flops;
  for (const auto &[name, use] : report.parts) {
    flops += use.flops;
  }
  double again = flops.recomputed, once = flops.all() - again;
  return report.recomputations == 0
             ? ""
             : llvm::formatv("{0} dispatches run again: {1:F4} GFLOP, {2:F2} % more, for {3} less",
                             report.recomputations, again * 1e-9, 100 * again / once,
                             bytes_text(report.saved))
                   .str();
}

/// The lines that hold the most at the peak, at most `count`.
static std::string linesText(const MemoryReport &report, size_t count, SourceLine source) {
  constexpr size_t longest = 60;
  std::string result;
  for (const HeldByLine &held : llvm::ArrayRef(report.lines).take_front(count)) {
    std::string text = source(held.line);
    text = text.size() > longest ? text.substr(0, longest) + "..." : text;
    result += llvm::formatv("  {0,10}  {1,3} values  {2}{3}{4}\n", bytes_text(held.bytes),
                            held.values, held.line, text.empty() ? "" : "  ", text);
  }
  return result;
}

/// The seconds of all parts as a table; empty without a machine.
static std::string secondsText(const MemoryReport &report) {
  if (!report.machine.isKnown()) {
    return "";
  }
  TextTable table({"part", "ms forward", "backward", "optimizer", "recomputed", "all"});
  auto ms = [](double seconds) { return llvm::formatv("{0:F3}", seconds * 1e3).str(); };
  auto add = [&](const std::string &name, const Work &work) {
    table.add({name, ms(work.forward), ms(work.backward), ms(work.update), ms(work.recomputed),
               ms(work.all())});
  };
  Work all;
  for (const auto &[name, use] : report.parts) {
    add(name, use.seconds);
    all += use.seconds;
  }
  add("all", all);
  return llvm::formatv("\npredicted: no faster than this at {0:F1} GFLOP/s and {1:F1} GB/s\n{2}",
                       report.machine.flops * 1e-9, report.machine.bytes * 1e-9, table.text())
      .str();
}

std::string reportText(const MemoryReport &report, SourceLine source) {
  std::vector<std::string> header = {"part",        "weights",   "optimizer", "gradients",
                                     "activations", "workspace", "all bytes", "GFLOP forward",
                                     "backward",    "optimizer"};
  std::string recomputation = recomputationText(report);
  if (!recomputation.empty()) {
    header.push_back("recomputed");
  }
  TextTable table(header);
  PartUse all;
  for (const auto &[name, use] : report.parts) {
    addRow(table, name, use, !recomputation.empty());
    all.weights += use.weights, all.optimizer += use.optimizer, all.gradients += use.gradients;
    all.activations += use.activations, all.workspace += use.workspace;
    all.flops += use.flops;
  }
  addRow(table, "all", all, !recomputation.empty());
  std::string text =
      llvm::formatv("{0}, batch {4}: {1} of memory (inputs and outputs {2}, gaps at the peak "
                    "{3})\n\n",
                    report.program, bytes_text(report.arenas), bytes_text(report.io),
                    bytes_text(report.gaps), report.batch);
  text += table.text();
  if (!recomputation.empty()) {
    text += "\n" + recomputation + "\n";
  }
  text += secondsText(report);
  if (!report.lines.empty()) {
    text += "\nactivations and workspace are those of the peak, in " + report.peak + ":\n" +
            linesText(report, 12, source);
  }
  return text;
}

std::string budgetText(const MemoryReport &report, int64_t budget, SourceLine source) {
  int64_t work = 0;
  for (const auto &[name, use] : report.parts) {
    work += use.activations + use.workspace;
  }
  int64_t lasting = report.arenas - work;
  std::string text =
      llvm::formatv("momec: error: {0} needs {1}, the budget is {2} [E0503]\n"
                    "  {3} last as long as the session: weights, moments, gradients, inputs\n"
                    "  {4} at the peak, in {5}, are held by values of these lines:\n",
                    report.program, bytes_text(report.arenas), bytes_text(budget),
                    bytes_text(lasting), bytes_text(work), report.peak);
  text += linesText(report, 6, source);
  if (std::string recomputation = recomputationText(report); !recomputation.empty()) {
    text += "  already " + recomputation + "\n";
  }
  // Inputs grow with the batch as well. A little is left for rounding, more where what is left was
  // planned by steps.
  int64_t growing = work + report.io + report.gaps, fixed = report.arenas - growing;
  double margin = report.recomputations > 0 ? 0.8 : 0.95;
  double room = margin * double(budget - fixed) / double(std::max<int64_t>(growing, 1));
  int64_t fits = fixed >= budget ? 0 : int64_t(double(report.batch) * room);
  if (fits >= 1) {
    text +=
        llvm::formatv("  hint: what is held at the peak grows with the batch: --batch={0} should "
                      "fit (now {1}); `mome train --accumulate` makes up for it\n",
                      fits, report.batch);
  } else {
    text += "  hint: no batch is small enough: freeze experts, or take fewer or smaller ones\n";
  }
  return text;
}

} // namespace momec
