# Targets of the C library: atome::atome (shared) and atome::static.
get_filename_component(_atome_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET atome::atome)
  add_library(atome::atome SHARED IMPORTED)
  set_target_properties(atome::atome PROPERTIES
    IMPORTED_LOCATION "${_atome_prefix}/lib/libatome.so"
    IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES "${_atome_prefix}/include")

  find_package(Threads REQUIRED)
  add_library(atome::static STATIC IMPORTED)
  set_target_properties(atome::static PROPERTIES
    IMPORTED_LOCATION "${_atome_prefix}/lib/libatome.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_atome_prefix}/include"
    INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m;gcc_s;util;rt")
endif()
unset(_atome_prefix)
