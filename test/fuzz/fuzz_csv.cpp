// libFuzzer: the CSV reader throws Error or returns a table whose records all have the header's width; what it returns
// survives being written and read again.
#include <cstdint>
#include <cstdlib>

#include "runtime/data/csv.h"
#include "runtime/error.h"

using namespace mome::data;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Csv csv;
  try {
    csv = parse_csv({reinterpret_cast<const char *>(bytes), size}, "fuzz.csv");
  } catch (const mome::Error &) {
    return 0;
  }
  std::string again = "\xEF\xBB\xBF"; // a first field may itself begin with that character
  for (size_t i = 0; i < csv.header.size(); ++i) {
    again += (i == 0 ? "" : ",") + csv_field(csv.header[i]);
  }
  again += "\n";
  for (const auto &record : csv.records) {
    if (record.size() != csv.header.size()) {
      std::abort();
    }
    for (size_t i = 0; i < record.size(); ++i) {
      again += (i == 0 ? "" : ",") + (record[i].text.empty() ? "\"\"" : csv_field(record[i].text));
    }
    again += "\n";
  }
  const Csv copy = parse_csv(again, "again.csv");
  if (copy.header != csv.header || copy.records.size() != csv.records.size()) {
    std::abort();
  }
  return 0;
}
