/* libmome: loads packages compiled by momec and runs their entries, from C.
 *
 *   mome_package *package;
 *   mome_session *session;
 *   size_t acc, logits;
 *   if (mome_package_load("watch.mpk", &package) != MOME_OK ||
 *       mome_session_create(package, NULL, &session) != MOME_OK ||
 *       mome_session_load_weights(session, "weights.safetensors") != MOME_OK ||
 *       mome_package_find_tensor(package, "input:acc", &acc) != MOME_OK || ...) {
 *     fprintf(stderr, "%s\n", mome_error());
 *   }
 *   mome_session_write(session, acc, samples, sizeof samples);
 *   mome_session_run(session, "predict");
 *   mome_session_read(session, logits, values, sizeof values);
 *
 * Every function that can fail returns a mome_status; mome_error() then tells what went wrong,
 * where and what to do. Nothing is printed, nothing exits. Objects may be used from any thread, one
 * thread at a time; different objects at the same time. Tensors are exchanged as row-major bytes of
 * their type and shape.
 */
#ifndef MOME_H
#define MOME_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MOME_API __attribute__((visibility("default")))
#else
#define MOME_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The exit codes of the tools; new codes may be added. */
typedef enum mome_status {
  MOME_OK = 0,
  MOME_FAILED = 1,   /* files: cannot read, disk full */
  MOME_USAGE = 2,    /* an argument makes no sense: null, wrong size, no such index */
  MOME_BUDGET = 3,   /* does not fit in memory */
  MOME_NUMERICS = 4, /* NaN or infinity, when checked for */
  MOME_MISMATCH = 5, /* package or weights: damaged, or of another model */
  MOME_DEVICE = 6,   /* this machine cannot run the package */
  MOME_DATA = 7,     /* data set */
  MOME_INTERNAL = 70 /* a bug in mome */
} mome_status;

typedef struct mome_package mome_package;
typedef struct mome_session mome_session;

/* Element types and kinds of tensors, numbered as in package.fbs. */
typedef enum mome_dtype { MOME_F32, MOME_F64, MOME_BF16, MOME_I32, MOME_I64, MOME_I1 } mome_dtype;
typedef enum mome_kind {
  MOME_INPUT,
  MOME_LABEL,
  MOME_PRESENCE,
  MOME_VALID,
  MOME_PARAM,
  MOME_STATE,
  MOME_MOMENT,
  MOME_GRAD,
  MOME_SCALAR,
  MOME_SUM,
  MOME_LOSS,
  MOME_METRIC,
  MOME_OUTPUT,
  MOME_TAP
} mome_kind;

typedef struct mome_tensor_info {
  const char *name; /* DSL path; lives as long as the package */
  mome_kind kind;
  mome_dtype dtype;
  const int64_t *shape; /* `rank` extents; lives as long as the package */
  size_t rank;
  size_t bytes;
} mome_tensor_info;

/* All zero means the defaults. */
typedef struct mome_session_options {
  int threads;         /* 0: MOME_NUM_THREADS, or all processors */
  const char *variant; /* NULL: the best that runs here */
  int check_numerics;  /* not 0: a run fails at the first NaN or infinity */
} mome_session_options;

/* "0.1.0" */
MOME_API const char *mome_version(void);
/* What the last failed call of this thread has to say; "" before any. Valid until the next one. */
MOME_API const char *mome_error(void);

/* Reads and verifies a package. */
MOME_API mome_status mome_package_load(const char *path, mome_package **package);
/* Sessions made from it stay valid. NULL is allowed. */
MOME_API void mome_package_free(mome_package *package);
MOME_API const char *mome_package_model(const mome_package *package);
/* Identity of the compiled model: 32 hexadecimal digits. */
MOME_API const char *mome_package_hash(const mome_package *package);
MOME_API size_t mome_package_class_count(const mome_package *package);
/* Name of a class number, or NULL. */
MOME_API const char *mome_package_class(const mome_package *package, size_t index);
MOME_API size_t mome_package_tensor_count(const mome_package *package);
MOME_API mome_status mome_package_tensor(const mome_package *package, size_t index,
                                         mome_tensor_info *info);
/* `name` is a DSL path, or "KIND:PATH" where a path is used by several kinds ("param:head.w").
 * Where one name has several shapes (training and evaluation batches), look through the tensors of
 * mome_session_entry_tensors instead. */
MOME_API mome_status mome_package_find_tensor(const mome_package *package, const char *name,
                                              size_t *index);
MOME_API mome_status mome_package_find_scalar(const mome_package *package, const char *name,
                                              size_t *index);

/* Allocates the model's memory, zero-filled, and starts its threads. `options` may be NULL. */
MOME_API mome_status mome_session_create(const mome_package *package,
                                         const mome_session_options *options,
                                         mome_session **session);
MOME_API void mome_session_free(mome_session *session);
/* The variant that runs, e.g. "x86-64-v3". */
MOME_API const char *mome_session_variant(const mome_session *session);
/* Sets every parameter and state from a safetensors file: `mome init`, `mome export`, or
 * model.safetensors of a checkpoint. Nothing is changed when one is missing or has another shape.
 */
MOME_API mome_status mome_session_load_weights(mome_session *session, const char *path);
/* `bytes` must be the tensor's size. */
MOME_API mome_status mome_session_write(mome_session *session, size_t tensor, const void *data,
                                        size_t bytes);
MOME_API mome_status mome_session_read(mome_session *session, size_t tensor, void *data,
                                       size_t bytes);
MOME_API mome_status mome_session_set_scalar(mome_session *session, size_t scalar, double value);
/* Tensors an entry reads (outputs == 0) or writes: fills at most `capacity` indices, and `count`
 * with how many there are. `indices` may be NULL when `capacity` is 0. */
MOME_API mome_status mome_session_entry_tensors(const mome_session *session, const char *entry,
                                                int outputs, size_t *indices, size_t capacity,
                                                size_t *count);
/* Runs an entry ("predict") on what was written; results are there to read when it returns. */
MOME_API mome_status mome_session_run(mome_session *session, const char *entry);

#ifdef __cplusplus
}
#endif
#endif
