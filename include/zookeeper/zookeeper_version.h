/* Generated: see include/templates. Calmkeeper, Apache License 2.0. */
/*
 * zookeeper_version.h - the version of Apache ZooKeeper's C interface that these headers describe.
 */
#ifndef ZOOKEEPER_VERSION_H_
#define ZOOKEEPER_VERSION_H_

#ifdef __cplusplus
extern "C" {
#endif

/** The interface's version, not this library's: see zoo_version_str() for both. */
#define ZOO_VERSION "3.8.0"

#ifdef __cplusplus
}
#endif

#endif /* ZOOKEEPER_VERSION_H_ */
