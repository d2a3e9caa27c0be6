// Diagnostics in the shape of the best compilers: place, message, stable code, the line with a
// caret, notes.
//
//   models/mome_htl.mome:20:21: error: class tokens of the experts differ in width [E0311]
//      20 |   z = sum(vote[e] * e.cls[-1] for e in E)
//         |                     ^~~~~~~~~ f32[B, 512] from expert 'depth'
//   note: the other experts give f32[B, 768]
#pragma once

#include "frontend/syntax/source.h"

#include <optional>
#include <set>

namespace mome::syntax {

enum class Severity { error, warning, note };

struct Diagnostic {
  Severity severity = Severity::error;
  Range range;
  std::string code, message;
  std::string label; // stands behind the caret; may be empty
  std::vector<Diagnostic> notes;
  std::vector<Range> highlights; // further places on the caret's line, underlined

  /// Adds a sentence below the snippet, perhaps about another place.
  Diagnostic &note(std::string text, Range where = {});
};

struct DiagnosticOptions {
  bool color = false;
  bool json = false; // one JSON object per line
  bool warnings_as_errors = false;
  int error_limit = 20;                        // 0: no limit
  std::set<std::string, std::less<>> disabled; // codes of warnings that are not wanted
};

class Diagnostics {
public:
  explicit Diagnostics(const SourceManager &sources, DiagnosticOptions options = {})
      : sources_(sources), options_(std::move(options)) {}

  /// Records a diagnostic; returns it so that notes and a label can be added, before the next one.
  Diagnostic &error(Range range, std::string_view code, std::string message);
  Diagnostic &warning(Range range, std::string_view code, std::string message);

  /// A sentence about all that was reported; it stands below the first error.
  void conclude(std::string note);

  int errors() const { return errors_; }
  bool failed() const { return errors_ > 0; }
  const std::vector<Diagnostic> &all() const { return diagnostics_; }
  const SourceManager &sources() const { return sources_; }
  /// Everything as text, in source order; of errors with one code at one place, the first.
  std::string render() const;

private:
  Diagnostic &add(Severity severity, Range range, std::string_view code, std::string message);
  const SourceManager &sources_;
  DiagnosticOptions options_;
  std::vector<Diagnostic> diagnostics_;
  Diagnostic dropped_; // takes what is not kept: disabled warnings, and errors far past the limit
  int errors_ = 0;
};

/// One diagnostic as text, with its snippet and notes; or as one line of JSON.
std::string render_text(const Diagnostic &diagnostic, const SourceManager &sources, bool color);
std::string render_json(const Diagnostic &diagnostic, const SourceManager &sources);

/// What `momec explain CODE` prints; nullopt for an unknown code.
std::optional<std::string> explain(std::string_view code);
/// Every code with its title, in order.
std::vector<std::pair<std::string, std::string>> all_codes();
/// The candidate nearest to `name` by edit distance, if near enough to be a slip of the pen.
std::optional<std::string> nearest(std::string_view name,
                                   const std::vector<std::string> &candidates);

} // namespace mome::syntax
