# Foreign libraries. The folder libraries only compile against their headers, which Debian keeps in the default search path; an
# executable chooses how to link them: signet_foreign (shared, for signetd, signetctl and the tests) or signet_foreign_static
# (signet-slurm, which must run in an empty root: an explicit list, since find_package(gRPC) knows the shared library only).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(CURL 7.87 REQUIRED)
pkg_check_modules(JWT REQUIRED IMPORTED_TARGET libjwt)

add_library(signet_foreign INTERFACE)
target_link_libraries(signet_foreign INTERFACE gRPC::grpc++_reflection gRPC::grpc++ protobuf::libprotobuf OpenSSL::SSL OpenSSL::Crypto
  SQLite::SQLite3 yaml-cpp prometheus-cpp::pull spdlog::spdlog CURL::libcurl PkgConfig::JWT absl::status absl::statusor absl::strings absl::time
  absl::flat_hash_map Threads::Threads)

# Every archive that a fully static gRPC client needs, by its file's name: a missing one stops the configuration, not the link.
if(SIGNET_STATIC_ADAPTER)
  set(static_archives)
  foreach(name IN ITEMS grpc++ grpc gpr address_sorting upb protobuf re2 cares ssl crypto z yaml-cpp)
    find_library(static_${name} NAMES lib${name}.a REQUIRED)
    list(APPEND static_archives ${static_${name}})
  endforeach()
  # abseil is some eighty archives that depend on each other; the linker takes the members that are used.
  get_filename_component(static_folder ${static_grpc} DIRECTORY)
  file(GLOB absl_archives ${static_folder}/libabsl_*.a)
  add_library(signet_foreign_static INTERFACE)
  # The linker warns that getaddrinfo and dlopen need glibc's shared libraries: neither runs, since c-ares resolves names (clients/)
  # and no OpenSSL module is loaded.
  target_link_libraries(signet_foreign_static INTERFACE -static -Wl,--start-group ${static_archives} ${absl_archives}
    -Wl,--end-group Threads::Threads ${CMAKE_DL_LIBS} m)
endif()
