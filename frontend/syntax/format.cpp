#include "frontend/syntax/format.h"

#include "frontend/syntax/format_parts.h"
#include "frontend/syntax/parser.h"

#include <algorithm>

namespace mome::syntax {
namespace {

constexpr size_t comment_column = 56; // from 0
constexpr size_t step = 2, continuation = 4;

/// A token or a comment, as written.
struct Piece {
  std::string_view text;
  uint32_t begin = 0;
  int newlines = 0; ///< in the text before it
  bool comment = false, name = false, number = false;
  bool joined = false;    ///< no space before it in the text
  bool continues = false; ///< starts a line inside a statement, outside ( and [
};

/// One line of the result.
struct Line {
  size_t indent = 0;
  bool blank_before = false;
  std::string table;              ///< lines of one table stand under each other; empty: none
  std::vector<std::string> cells; ///< one, or as many as the table's kind has
  std::string comment;
};

std::vector<Piece> make_pieces(std::string_view text, const Tokens &tokens) {
  std::vector<Piece> pieces;
  auto add = [&](Range range) -> Piece & {
    Piece piece;
    piece.text = text.substr(range.begin, range.end - range.begin);
    piece.begin = range.begin;
    pieces.push_back(piece);
    return pieces.back();
  };
  bool ended = true; // no statement is open before the next token
  auto comment = tokens.comments.begin();
  auto add_comments = [&](uint32_t before) {
    for (; comment != tokens.comments.end() && comment->range.begin < before; ++comment) {
      Piece &piece = add(comment->range);
      piece.comment = true;
      piece.text = piece.text.substr(0, piece.text.find_last_not_of(" \t\r") + 1);
    }
  };
  for (const Token &token : tokens.tokens) {
    if (token.kind == TokenKind::newline || token.kind == TokenKind::end) {
      ended = true;
      continue;
    }
    add_comments(token.range.begin);
    Piece &piece = add(token.range);
    piece.name = token.kind == TokenKind::name;
    piece.number = token.kind == TokenKind::integer || token.kind == TokenKind::real;
    piece.joined = token.joined;
    piece.continues = !ended;
    ended = false;
  }
  add_comments(uint32_t(text.size()));
  size_t at = 0;
  for (Piece &piece : pieces) {
    piece.newlines = int(std::count(text.begin() + at, text.begin() + piece.begin, '\n'));
    at = piece.begin + piece.text.size();
  }
  return pieces;
}

class Formatter {
public:
  Formatter(std::string_view text, const Tokens &tokens, const File &file)
      : pieces_(make_pieces(text, tokens)), spacing_(find_spacing(tokens, file)) {}

  std::string run() {
    for (size_t i = 0; i < pieces_.size();) {
      i = add_line(i);
    }
    std::string out;
    for (size_t i = 0; i < lines_.size();) {
      size_t end = table_end(i);
      align(i, end);
      for (; i < end; ++i) {
        print(out, lines_[i], i == 0);
      }
    }
    return out;
  }

private:
  /// Lays out the line that starts at piece `first`; returns the first piece of the next.
  size_t add_line(size_t first) {
    Line line;
    const Piece &start = pieces_[first];
    line.blank_before = start.newlines > 1 && !after_opening_ && !closes(start);
    line.indent = indent_of(first);
    auto row = spacing_.rows.find(start.begin);
    if (row != spacing_.rows.end() && !start.continues) {
      line.table = row->second.table;
    }
    line.cells.emplace_back();
    size_t i = first;
    for (; i < pieces_.size() && (i == first || pieces_[i].newlines == 0); ++i) {
      const Piece &piece = pieces_[i];
      if (piece.comment) {
        line.comment = piece.text;
        continue;
      }
      const auto *cells = line.table.empty() ? nullptr : &row->second.cells;
      if (cells && i > first &&
          std::find(cells->begin(), cells->end(), piece.begin) != cells->end()) {
        line.cells.emplace_back();
      } else if (i > first && spaced(pieces_[i - 1], piece)) {
        line.cells.back() += ' ';
      }
      line.cells.back() += piece.text;
      bracket(piece, line.indent);
    }
    after_opening_ = opens(last_code(first, i));
    lines_.push_back(std::move(line));
    return i;
  }

  const Piece &last_code(size_t first, size_t end) const {
    return pieces_[pieces_[end - 1].comment && end - 1 > first ? end - 2 : end - 1];
  }

  static bool opens(const Piece &piece) {
    return !piece.comment && (piece.text == "(" || piece.text == "[" || piece.text == "{");
  }
  static bool closes(const Piece &piece) {
    return !piece.comment && (piece.text == ")" || piece.text == "]" || piece.text == "}");
  }

  size_t indent_of(size_t first) const {
    const Piece &start = pieces_[first];
    if (open_.empty()) {
      return start.continues ? continuation : 0;
    }
    if (closes(start)) {
      return open_.back().indent;
    }
    // A comment stands where the code that follows it does.
    size_t next = first;
    while (next < pieces_.size() && pieces_[next].comment) {
      ++next;
    }
    bool continues = next < pieces_.size() && pieces_[next].continues && open_.back().brace;
    return open_.back().indent + step + (continues ? continuation : 0);
  }

  /// Keeps the stack of open brackets. However many open on a line, what follows is one level
  /// deeper.
  void bracket(const Piece &piece, size_t indent) {
    if (opens(piece)) {
      open_.push_back({indent, piece.text == "{"});
    } else if (closes(piece) && !open_.empty()) {
      open_.pop_back();
    }
  }

  /// True if a space stands between two neighbours on a line.
  bool spaced(const Piece &a, const Piece &b) const {
    auto in = [](std::string_view text, std::initializer_list<std::string_view> list) {
      return std::find(list.begin(), list.end(), text) != list.end();
    };
    bool word_a = a.name || a.number;
    if (in(b.text, {",", ")", "]", ":", ".", ".."}) || in(a.text, {"(", "[", ".", ".."}) ||
        (a.text == "{" && b.text == "}")) {
      return b.text == ":" && spacing_.tight.count(b.begin) && a.text == ",";
    }
    if (spacing_.tight.count(a.begin) || spacing_.tight.count(b.begin)) {
      return a.text == ",";
    }
    if (spacing_.prefix.count(a.begin) || (a.number && b.name && b.joined)) {
      return false;
    }
    if (b.text == "(" || b.text == "[") {
      bool after_value =
          (word_a && !in(a.text, {"return", "if", "in", "and", "or", "not", "for", "else"})) ||
          in(a.text, {")", "]"});
      return !after_value || spacing_.apart.count(b.begin);
    }
    return true;
  }

  size_t table_end(size_t begin) const {
    size_t end = begin + 1;
    while (end < lines_.size() && !lines_[begin].table.empty() &&
           lines_[end].table == lines_[begin].table && lines_[end].indent == lines_[begin].indent &&
           !lines_[end].blank_before) {
      ++end;
    }
    return end;
  }

  /// Pads the cells of the lines [begin, end), all but the last of each.
  void align(size_t begin, size_t end) {
    for (size_t column = 0;; ++column) {
      size_t width = 0;
      for (size_t i = begin; i < end; ++i) {
        if (column + 1 < lines_[i].cells.size()) {
          width = std::max(width, lines_[i].cells[column].size());
        }
      }
      if (width == 0) {
        return;
      }
      for (size_t i = begin; i < end; ++i) {
        if (column + 1 < lines_[i].cells.size()) {
          lines_[i].cells[column].resize(width + 1, ' ');
        }
      }
    }
  }

  static void print(std::string &out, const Line &line, bool first) {
    if (line.blank_before && !first) {
      out += '\n';
    }
    std::string text(line.indent, ' ');
    for (const std::string &cell : line.cells) {
      text += cell;
    }
    if (!line.comment.empty()) {
      bool alone = text.size() == line.indent;
      size_t width = 0;
      for (char c : text) {
        width += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
      }
      text.append(alone ? 0 : width + 2 <= comment_column ? comment_column - width : 2, ' ');
      text += line.comment;
    }
    out += text + "\n";
  }

  struct Open {
    size_t indent;
    bool brace;
  };
  std::vector<Piece> pieces_;
  Spacing spacing_;
  std::vector<Line> lines_;
  std::vector<Open> open_;
  bool after_opening_ = true; // nothing stands between here and an opening bracket: no blank line
};

} // namespace

std::optional<std::string> format(const SourceManager &sources, int32_t id,
                                  Diagnostics &diagnostics) {
  int before = diagnostics.errors();
  File file = parse(sources, id, diagnostics);
  if (diagnostics.errors() != before) {
    return std::nullopt;
  }
  std::string text =
      normalize_comprehensions(sources.file(id).text, lex(sources, id, diagnostics), file);

  SourceManager normal;
  Diagnostics none(normal);
  int32_t normal_id = normal.add(sources.file(id).path, std::move(text));
  Tokens tokens = lex(normal, normal_id, none);
  File normal_file = parse(normal, normal_id, none);
  return Formatter(normal.file(normal_id).text, tokens, normal_file).run();
}

} // namespace mome::syntax
