/* The C API from C: argv[1] is the tiny package (tiny_package.h), argv[2] a folder for files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/mome.h"

static int failures = 0;

static void check(int ok, const char *what, int line) {
  if (!ok) {
    fprintf(stderr, "line %d: %s failed; last error: %s\n", line, what, mome_error());
    ++failures;
  }
}
#define CHECK(x) check((x) != 0, #x, __LINE__)

static void write_weights(const char *path, const char *name, const float *values) {
  char header[256] = {0};
  snprintf(header, sizeof header,
           "{\"%s\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]}}", name);
  const uint64_t length = strlen(header);
  FILE *file = fopen(path, "wb");
  fwrite(&length, sizeof length, 1, file);
  fwrite(header, 1, length, file);
  fwrite(values, sizeof(float), 6, file);
  fclose(file);
}

static void test_predict(const mome_package *package, const char *dir) {
  const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, w[6] = {1, 0, 0, 1, 2, -1};
  const float expected[12] = {1, 2, 0, 3, 4, 2, 5, 6, 4, 7, 8, 6};
  float y[12];
  size_t input, output, list[4], count;
  char path[512];
  mome_session *session = NULL;
  const mome_session_options options = {.threads = 2};
  CHECK(mome_session_create(package, &options, &session) == MOME_OK);
  CHECK(strcmp(mome_session_variant(session), "x86-64") == 0);

  snprintf(path, sizeof path, "%s/weights.safetensors", dir);
  write_weights(path, "head.other", w);
  CHECK(mome_session_load_weights(session, path) == MOME_MISMATCH);
  CHECK(strstr(mome_error(), "head.w") != NULL);
  write_weights(path, "head.w", w);
  CHECK(mome_session_load_weights(session, path) == MOME_OK);

  CHECK(mome_package_find_tensor(package, "x", &input) == MOME_OK);
  CHECK(mome_package_find_tensor(package, "output:logits", &output) == MOME_OK);
  CHECK(mome_session_write(session, input, x, sizeof x) == MOME_OK);
  CHECK(mome_session_run(session, "predict") == MOME_OK);
  CHECK(mome_session_read(session, output, y, sizeof y) == MOME_OK);
  CHECK(memcmp(y, expected, sizeof y) == 0);

  CHECK(mome_session_entry_tensors(session, "predict", 0, list, 4, &count) == MOME_OK);
  CHECK(count == 2 && list[0] == input);
  CHECK(mome_session_entry_tensors(session, "predict", 1, NULL, 0, &count) == MOME_OK);
  CHECK(count == 1);

  CHECK(mome_session_write(session, input, x, sizeof x - 1) == MOME_USAGE);
  CHECK(strstr(mome_error(), "input 'x'") != NULL);
  CHECK(mome_session_write(session, 99, x, sizeof x) == MOME_USAGE);
  CHECK(mome_session_read(session, input, NULL, sizeof x) == MOME_USAGE);
  CHECK(mome_session_set_scalar(session, 99, 0) == MOME_USAGE);
  CHECK(mome_session_run(session, "preditc") == MOME_MISMATCH);
  CHECK(strstr(mome_error(), "did you mean 'predict'?") != NULL);
  CHECK(mome_session_run(NULL, "predict") == MOME_USAGE);
  mome_session_free(session);
}

int main(int argc, char **argv) {
  mome_package *package = NULL;
  mome_tensor_info info;
  size_t index;
  if (argc != 3) {
    return 2;
  }
  CHECK(strcmp(mome_error(), "") == 0);
  CHECK(mome_package_load("/nonexistent.mpk", &package) != MOME_OK);
  CHECK(package == NULL && strstr(mome_error(), "/nonexistent.mpk") != NULL);
  CHECK(mome_package_load(argv[0], &package) == MOME_MISMATCH); /* an ELF file, not a package */
  CHECK(mome_package_load(argv[1], &package) == MOME_OK);
  CHECK(strcmp(mome_package_model(package), "Tiny") == 0);
  CHECK(strlen(mome_package_hash(package)) == 32);
  CHECK(mome_package_class_count(package) == 3 && mome_package_class(package, 3) == NULL);
  CHECK(strcmp(mome_package_class(package, 2), "2") == 0);
  CHECK(mome_package_tensor_count(package) == 5);
  CHECK(mome_package_tensor(package, 1, &info) == MOME_OK);
  CHECK(strcmp(info.name, "head.w") == 0 && info.kind == MOME_PARAM && info.dtype == MOME_F32);
  CHECK(info.rank == 2 && info.shape[0] == 3 && info.shape[1] == 2 && info.bytes == 24);
  CHECK(mome_package_tensor(package, 5, &info) == MOME_USAGE);
  CHECK(mome_package_find_tensor(package, "head.w", &index) == MOME_MISMATCH); /* param and grad */
  CHECK(mome_package_find_scalar(package, "fit.lr", &index) == MOME_OK && index == 1);
  CHECK(mome_package_find_scalar(package, "fit.x", &index) == MOME_MISMATCH);
  test_predict(package, argv[2]);
  mome_package_free(package);
  mome_package_free(NULL);
  return failures != 0;
}
