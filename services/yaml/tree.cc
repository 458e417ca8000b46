#include "services/yaml/tree.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace signet::yaml::internal {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr std::size_t kMaxDepth = 16;

// Builds the tree from the parser's events: yaml-cpp's own nodes forget anchors, tags and duplicate keys.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(Document& document) : document_(document) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) Fault(mark, "a second document", "one document");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Leaf(mark, "", anchor, Kind::kNull, ""); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { Leaf(mark, "", anchor, Kind::kNull, ""); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Leaf(mark, tag, anchor, Kind::kScalar, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Kind::kSequence);
  }
  void OnSequenceEnd() override { stack_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Kind::kMap);
  }
  void OnMapEnd() override { stack_.pop_back(); }

 private:
  struct Frame {
    std::shared_ptr<Node> node;
    bool expects_key = false;
    std::string key;
    int key_line = 0;
  };

  std::string Path() const {
    if (stack_.empty()) return "";
    const Frame& top = stack_.back();
    const std::string& above = top.node->path;
    if (top.node->kind == Kind::kSequence) return absl::StrCat(above, "[", top.node->items.size(), "]");
    if (top.expects_key) return above;
    return above.empty() ? top.key : absl::StrCat(above, ".", top.key);
  }

  void Fault(const YAML::Mark& mark, absl::string_view message, absl::string_view allowed) {
    document_.faults->Add(mark.line + 1, Path(), message, allowed);
  }

  void CheckProperties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) Fault(mark, "an anchor or alias", "plain values, written out each time");
    // "?" is a plain value's and "!" a quoted one's.
    if (!tag.empty() && tag != "?" && tag != "!") Fault(mark, "a tag", "values without tags");
  }

  // Puts a value where the parser stands: the root, a sequence's next item, or a mapping's value.
  void Place(std::shared_ptr<Node> node) {
    node->path = Path();
    node->faults = document_.faults;
    if (stack_.empty()) {
      if (documents_ <= 1) document_.root = std::move(node);
      return;
    }
    Frame& top = stack_.back();
    if (top.node->kind == Kind::kMap) {
      node->key = top.key;
      // A value on the next line belongs to the line of its key.
      node->line = top.key_line;
      top.expects_key = true;
      if (top.node->Find(node->key) != nullptr) {
        document_.faults->Add(top.key_line, node->path, "a duplicate key", "each key once");
        return;
      }
    }
    top.node->items.push_back(std::move(node));
  }

  void Leaf(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind,
            const std::string& value) {
    CheckProperties(mark, tag, anchor);
    if (!stack_.empty() && stack_.back().expects_key) {
      Frame& top = stack_.back();
      top.expects_key = false;
      top.key = value;
      top.key_line = mark.line + 1;
      return;
    }
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->line = mark.line + 1;
    node->scalar = value;
    node->quoted = tag == "!";
    Place(std::move(node));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind) {
    CheckProperties(mark, tag, anchor);
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->line = mark.line + 1;
    if (!stack_.empty() && stack_.back().expects_key) {
      Fault(mark, "a key that is not a word", "plain words as keys");
      // The events of this key go into a node that nobody will see.
      stack_.back().expects_key = false;
      stack_.back().key.clear();
      stack_.back().key_line = mark.line + 1;
      node->path = Path();
      node->faults = document_.faults;
    } else {
      if (stack_.size() == kMaxDepth) Fault(mark, "nested too deeply", absl::StrCat("at most ", kMaxDepth, " levels"));
      if (stack_.size() < kMaxDepth) {
        Place(node);
      } else if (stack_.back().node->kind == Kind::kMap) {
        stack_.back().expects_key = true;
      }
    }
    stack_.push_back({std::move(node), kind == Kind::kMap, "", 0});
  }

  Document& document_;
  int documents_ = 0;
  std::vector<Frame> stack_;
};

// The parser ends its input at some control characters: text after them would be ignored.
bool HasControlCharacter(absl::string_view text, int* line) {
  *line = 1;
  for (const char c : text) {
    if (c == '\n') ++*line;
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\n' && c != '\r' && c != '\t') return true;
  }
  return false;
}

}  // namespace

void Faults::Add(int line, absl::string_view path, absl::string_view message, absl::string_view allowed) {
  if (closed) return;
  std::string text = absl::StrCat(file, ":", line, ": ");
  if (!path.empty()) absl::StrAppend(&text, path, ": ");
  absl::StrAppend(&text, message);
  if (!allowed.empty()) absl::StrAppend(&text, "; allowed: ", allowed);
  list.push_back({line, std::move(text)});
}

std::shared_ptr<Node> Node::Find(absl::string_view wanted) const {
  if (kind != Kind::kMap) return nullptr;
  const auto found = std::find_if(items.begin(), items.end(),
                                  [wanted](const std::shared_ptr<Node>& item) { return item->key == wanted; });
  return found == items.end() ? nullptr : *found;
}

std::shared_ptr<Node> Node::Ask(absl::string_view wanted) {
  if (std::find(asked.begin(), asked.end(), wanted) == asked.end()) asked.emplace_back(wanted);
  return Find(wanted);
}

std::shared_ptr<Document> Parse(absl::string_view name, absl::string_view text) {
  auto document = std::make_shared<Document>();
  document->faults = std::make_shared<Faults>();
  document->faults->file = std::string(name);
  document->root = std::make_shared<Node>();
  document->root->faults = document->faults;
  int line = 1;
  if (text.size() > kMaxBytes) {
    document->faults->Add(1, "", absl::StrCat("the file has ", text.size(), " bytes"),
                          absl::StrCat("at most ", kMaxBytes));
    document->faults->closed = true;
    return document;
  }
  if (HasControlCharacter(text, &line)) {
    document->faults->Add(line, "", "a control character", "text, tabs and line ends");
    document->faults->closed = true;
    return document;
  }
  Builder builder(*document);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // No further than the second, which is a fault: a comma where a document should begin is one empty document after
    // another to yaml-cpp, without end.
    for (int documents = 0; documents < 2 && parser.HandleNextDocument(builder); ++documents) {
    }
  } catch (const YAML::Exception& error) {
    document->faults->Add(error.mark.line + 1, "", absl::StrCat("not YAML: ", error.msg));
    document->faults->closed = true;
  } catch (const std::exception& error) {
    document->faults->Add(1, "", absl::StrCat("not YAML: ", error.what()));
    document->faults->closed = true;
  }
  const Kind kind = document->root->kind;
  if (kind != Kind::kMap && kind != Kind::kAbsent && kind != Kind::kNull) {
    document->faults->Add(document->root->line, "", "the document is not a mapping", "keys and values");
  }
  return document;
}

}  // namespace signet::yaml::internal
