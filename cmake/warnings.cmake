# Warnings are errors, in our own code only: foreign and generated headers are included as system headers.
add_library(signet_warnings INTERFACE)
target_compile_options(signet_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wformat=2
  -Wimplicit-fallthrough -Wundef -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(signet_warnings INTERFACE -Wthread-safety -Wreserved-identifier)
elseif(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of overlaps inside std::string's own operator+ (its bug 105651).
  target_compile_options(signet_warnings INTERFACE -Wno-restrict)
endif()

# Hardening, for everything that ships. _FORTIFY_SOURCE needs optimisation.
add_compile_options(-fstack-protector-strong)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
add_link_options(-Wl,-z,relro,-z,now)
