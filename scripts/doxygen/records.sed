# What doxygen reads of zookeeper.jute.h and recordio.h: the fields of the protocol's records have the protocol's names, and
# need no text each.
s|^(    [a-z].*;)$|\1 /**< Field of that name. */|
