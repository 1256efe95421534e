# In place of Fluent Bit's own file of this name, which builds the Onigmo that the package does not have.
add_library(libonigmo UNKNOWN IMPORTED GLOBAL)
find_library(ONIGURUMA onig REQUIRED)
set_target_properties(libonigmo PROPERTIES IMPORTED_LOCATION ${ONIGURUMA})
include_directories("${ONIGMO_INCLUDE}")
