# find_package(aerospike_zig PATHS <the package's folder>) gives the target aerospike::aerospike_zig.
get_filename_component(_aerospike_zig_folder "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)

add_library(aerospike::aerospike_zig SHARED IMPORTED)
set_target_properties(
  aerospike::aerospike_zig
  PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_aerospike_zig_folder}/include"
    IMPORTED_LOCATION
      "${_aerospike_zig_folder}/${CMAKE_SHARED_LIBRARY_PREFIX}aerospike_zig${CMAKE_SHARED_LIBRARY_SUFFIX}"
)
if(WIN32) # MinGW links the library itself; there is none to be imported by others.
  set_target_properties(
    aerospike::aerospike_zig PROPERTIES IMPORTED_IMPLIB "${_aerospike_zig_folder}/aerospike_zig.dll"
  )
endif()
unset(_aerospike_zig_folder)
