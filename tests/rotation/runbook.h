// The runbook of an emergency, as docs/rotation.md prints it.
#ifndef SIGNET_TESTS_ROTATION_RUNBOOK_H_
#define SIGNET_TESTS_ROTATION_RUNBOOK_H_

#include <string>
#include <vector>

namespace signet::rotation {

// One command of it, and where it is typed: "head node".
struct RunbookStep {
  std::string where;
  std::string command;
};

// In their order. Every line that stands where commands stand is one; what is not understood ends the test program.
std::vector<RunbookStep> ReadRunbook();

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_RUNBOOK_H_
