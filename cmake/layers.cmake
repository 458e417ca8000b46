# An include points down the layers, never up: every library depends on this target, so a build with a wrong include stops here.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
file(GLOB_RECURSE layered_files CONFIGURE_DEPENDS services/*.h services/*.cc adapters/*.h adapters/*.cc cli/*.h cli/*.cc clients/*.h clients/*.cc)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/layers.stamp
  COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tools/layers.py ${CMAKE_SOURCE_DIR}
  COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/layers.stamp
  DEPENDS ${layered_files} ${CMAKE_SOURCE_DIR}/tools/layers.py ${CMAKE_SOURCE_DIR}/tools/layers.txt
  COMMENT "Checking that includes point down the layers" VERBATIM)
add_custom_target(signet_layers DEPENDS ${CMAKE_BINARY_DIR}/layers.stamp)
