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

add_library(signet_foreign INTERFACE)
target_link_libraries(signet_foreign INTERFACE gRPC::grpc++_reflection gRPC::grpc++ protobuf::libprotobuf OpenSSL::SSL OpenSSL::Crypto
  SQLite::SQLite3 yaml-cpp prometheus-cpp::pull spdlog::spdlog absl::status absl::statusor absl::strings absl::time
  absl::flat_hash_map Threads::Threads)

# Everything gRPC's static library needs, found by its archive's name.
set(static_archives)
file(GLOB absl_archives ${CMAKE_FIND_ROOT_PATH}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/libabsl_*.a)
foreach(name IN ITEMS grpc++ grpc gpr address_sorting upb protobuf re2 cares ssl crypto z yaml-cpp)
  find_library(static_${name} NAMES lib${name}.a lib${name}_static.a)
  if(static_${name})
    list(APPEND static_archives ${static_${name}})
  endif()
endforeach()
add_library(signet_foreign_static INTERFACE)
target_link_libraries(signet_foreign_static INTERFACE -static -Wl,--start-group ${static_archives} ${absl_archives} -Wl,--end-group
  -lpthread -ldl -lm)
