#include "runtime/load_weights.h"

#include "runtime/error.h"
#include "runtime/safetensors.h"
#include "runtime/text.h"

namespace mome {

void load_weights(Session &session, const std::filesystem::path &path) {
  const SafetensorsFile file(path);
  const std::vector<NamedTensor> &tensors = session.package().tensors;
  std::vector<std::pair<size_t, const TensorView *>> found;
  std::vector<std::string> missing;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const NamedTensor &t = tensors[i];
    if (t.kind != BindKind::param && t.kind != BindKind::state) {
      continue;
    }
    const TensorView *view = file.find(t.name);
    if (view == nullptr) {
      missing.push_back(t.name);
    } else if (view->dtype != t.dtype || view->shape != t.shape) {
      throw package_error(path.string(),
                          "tensor '" + t.name + "' is " + std::string(dtype_name(view->dtype)) +
                              " " + shape_text(view->shape) + ", the model has " + t.describe(),
                          "are these the weights of another model?");
    } else {
      found.emplace_back(i, view);
    }
  }
  if (!missing.empty()) {
    throw package_error(path.string(), "tensors are missing: " + join_names(missing, 8),
                        "are these the weights of another model?");
  }
  for (const auto &[index, view] : found) {
    session.write(index, view->bytes);
  }
}

} // namespace mome
