// slurmd or slurmctld in a container without anything else, as far as scripts go: a process that stays, and runs what
// it is told to on its standard input in the way of Slurm's daemons. Linked statically. Ends when its standard input
// does.
//
// A call is "WORDS\n", then for each word "LENGTH\n" and its bytes; the first is the script's absolute path. The answer
// is "said valid" (0 or 1), "gave output" (0 or 1), a length, each with "\n", and the output, or what is known of a
// script that could not be run.
#include <unistd.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/slurm_harness.h"

namespace {

bool ReadWord(std::string* word) {
  std::size_t length = 0;
  if (!(std::cin >> length) || std::cin.get() != '\n') return false;
  word->resize(length);
  return static_cast<bool>(std::cin.read(word->data(), static_cast<std::streamsize>(length)));
}

bool ReadCall(signet::contract::ScriptCall* call) {
  std::size_t count = 0;
  if (!(std::cin >> count) || count == 0) return false;
  std::vector<std::string> words(count);
  for (std::string& word : words) {
    if (!ReadWord(&word)) return false;
  }
  call->path = words.front();
  call->args.assign(words.begin() + 1, words.end());
  return true;
}

}  // namespace

int main() {
  signet::contract::ScriptCall call;
  call.uid = geteuid();
  call.gid = getegid();
  while (ReadCall(&call)) {
    const signet::contract::ScriptResult result = signet::contract::RunScript(call);
    const std::string text = result.could_not_start || result.timed_out ? result.Describe() : result.output;
    std::cout << result.said_valid() << "\n"
              << result.gave_output() << "\n"
              << text.size() << "\n"
              << text << std::flush;
  }
  return 0;
}
