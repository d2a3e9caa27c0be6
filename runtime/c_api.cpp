// The C API: argument checks, and errors turned into codes. Everything else is one call away.
#include <algorithm>
#include <new>

#include "runtime/error.h"
#include "runtime/load_weights.h"
#include "runtime/mome.h"
#include "runtime/session.h"

struct mome_package {
  std::shared_ptr<const mome::Package> package;
};
struct mome_session {
  mome::Session session;
};

namespace {

using mome::Error;
using mome::Exit;

static_assert(MOME_I1 == int(mome::DType::i1) && MOME_TAP == int(mome::BindKind::tap));
static_assert(MOME_MISMATCH == int(Exit::mismatch) && MOME_INTERNAL == int(Exit::internal));

std::string &last_error() {
  thread_local std::string text;
  return text;
}

mome_status fail(Exit exit, const char *text) noexcept {
  try {
    last_error() = text;
  } catch (...) { // no memory even for the message: the code has to do
  }
  return mome_status(int(exit));
}

template <typename Action> mome_status guard(Action action) noexcept {
  try {
    action();
    return MOME_OK;
  } catch (const Error &error) {
    return fail(error.exit, error.what());
  } catch (const std::bad_alloc &) {
    return fail(Exit::budget, "out of memory");
  } catch (const std::exception &error) {
    return fail(Exit::internal, error.what());
  } catch (...) {
    return fail(Exit::internal, "an unknown exception");
  }
}

void need(bool ok, const char *what) {
  if (!ok) {
    throw Error(Exit::usage, "libmome", what, "see mome.h");
  }
}

const mome::NamedTensor &tensor_at(const mome::Package &package, size_t index) {
  need(index < package.tensors.size(), "no tensor has this index");
  return package.tensors[index];
}

void check_size(const mome::Package &package, size_t index, const void *data, size_t bytes) {
  const mome::NamedTensor &tensor = tensor_at(package, index);
  need(data != nullptr, "data is null");
  if (bytes != tensor.bytes()) {
    throw Error(Exit::usage, "libmome",
                std::to_string(bytes) + " bytes given for " + tensor.describe() + ", it has " +
                    std::to_string(tensor.bytes()),
                "pass the whole tensor, row-major");
  }
}

} // namespace

const char *mome_version(void) {
  return MOME_VERSION;
}

const char *mome_error(void) {
  return last_error().c_str();
}

mome_status mome_package_load(const char *path, mome_package **package) {
  return guard([&] {
    need(path != nullptr && package != nullptr, "path or package is null");
    *package = nullptr;
    *package = new mome_package{mome::Package::load(path)};
  });
}

void mome_package_free(mome_package *package) {
  delete package;
}

const char *mome_package_model(const mome_package *package) {
  return package->package->model.c_str();
}

const char *mome_package_hash(const mome_package *package) {
  return package->package->hash.c_str();
}

size_t mome_package_class_count(const mome_package *package) {
  return package->package->classes.size();
}

const char *mome_package_class(const mome_package *package, size_t index) {
  const std::vector<std::string> &classes = package->package->classes;
  return index < classes.size() ? classes[index].c_str() : nullptr;
}

size_t mome_package_tensor_count(const mome_package *package) {
  return package->package->tensors.size();
}

mome_status mome_package_tensor(const mome_package *package, size_t index, mome_tensor_info *info) {
  return guard([&] {
    need(package != nullptr && info != nullptr, "package or info is null");
    const mome::NamedTensor &t = tensor_at(*package->package, index);
    *info = {t.name.c_str(), mome_kind(t.kind), mome_dtype(t.dtype),
             t.shape.data(), t.shape.size(),    size_t(t.bytes())};
  });
}

mome_status mome_package_find_tensor(const mome_package *package, const char *name, size_t *index) {
  return guard([&] {
    need(package != nullptr && name != nullptr && index != nullptr, "an argument is null");
    *index = package->package->tensor_index(name);
  });
}

mome_status mome_package_find_scalar(const mome_package *package, const char *name, size_t *index) {
  return guard([&] {
    need(package != nullptr && name != nullptr && index != nullptr, "an argument is null");
    const std::optional<size_t> found = package->package->find_scalar(name);
    if (!found) {
      throw mome::package_error(package->package->where, "no scalar '" + std::string(name) + "'",
                                "see `mome inspect`");
    }
    *index = *found;
  });
}

mome_status mome_session_create(const mome_package *package, const mome_session_options *options,
                                mome_session **session) {
  return guard([&] {
    need(package != nullptr && session != nullptr, "package or session is null");
    *session = nullptr;
    mome::SessionOptions o;
    if (options != nullptr) {
      o.threads = options->threads;
      o.variant = options->variant == nullptr ? "" : options->variant;
      o.check_numerics = options->check_numerics != 0;
    }
    *session = new mome_session{mome::Session(package->package, o)};
  });
}

void mome_session_free(mome_session *session) {
  delete session;
}

const char *mome_session_variant(const mome_session *session) {
  return session->session.variant().name.c_str();
}

mome_status mome_session_load_weights(mome_session *session, const char *path) {
  return guard([&] {
    need(session != nullptr && path != nullptr, "session or path is null");
    mome::load_weights(session->session, path);
  });
}

mome_status mome_session_write(mome_session *session, size_t tensor, const void *data,
                               size_t bytes) {
  return guard([&] {
    need(session != nullptr, "session is null");
    check_size(session->session.package(), tensor, data, bytes);
    session->session.write(tensor, {static_cast<const std::byte *>(data), bytes});
  });
}

mome_status mome_session_read(mome_session *session, size_t tensor, void *data, size_t bytes) {
  return guard([&] {
    need(session != nullptr, "session is null");
    check_size(session->session.package(), tensor, data, bytes);
    session->session.read(tensor, {static_cast<std::byte *>(data), bytes});
  });
}

mome_status mome_session_set_scalar(mome_session *session, size_t scalar, double value) {
  return guard([&] {
    need(session != nullptr && scalar < session->session.package().scalars.size(),
         "no scalar has this index");
    session->session.set_scalar(scalar, value);
  });
}

mome_status mome_session_entry_tensors(const mome_session *session, const char *entry, int outputs,
                                       size_t *indices, size_t capacity, size_t *count) {
  return guard([&] {
    need(session != nullptr && entry != nullptr && count != nullptr, "an argument is null");
    need(indices != nullptr || capacity == 0, "indices is null");
    const mome::Program &program = session->session.program(entry);
    const std::vector<uint32_t> &list = outputs != 0 ? program.outputs : program.inputs;
    std::copy_n(list.begin(), std::min(capacity, list.size()), indices);
    *count = list.size();
  });
}

mome_status mome_session_run(mome_session *session, const char *entry) {
  return guard([&] {
    need(session != nullptr && entry != nullptr, "session or entry is null");
    session->session.run(entry);
  });
}
