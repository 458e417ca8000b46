# SIGNET_COVERAGE=ON (clang): the folders whose branches tools/coverage.py judges count what runs in them. Nothing else is counted, so that
# any build can afford it.
option(SIGNET_COVERAGE "Count the branches of evidence, policy, enrollment and rpc (clang only)" OFF)
set(SIGNET_COVERED_FOLDERS evidence policy enrollment rpc)
if(SIGNET_COVERAGE)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "SIGNET_COVERAGE needs clang's source-based coverage: use the preset coverage")
  endif()
  # What is linked with a counted library needs the runtime.
  add_link_options(-fprofile-instr-generate)
endif()

function(signet_count_branches name)
  if(SIGNET_COVERAGE AND name IN_LIST SIGNET_COVERED_FOLDERS)
    target_compile_options(signet_${name} PRIVATE -fprofile-instr-generate -fcoverage-mapping)
  endif()
endfunction()
