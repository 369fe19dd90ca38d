/**
 * @file zookeeper_version.h
 * The version of Apache ZooKeeper's C interface that these headers describe.
 */
#ifndef ZOOKEEPER_VERSION_H_
#define ZOOKEEPER_VERSION_H_

#ifdef __cplusplus
extern "C" {
#endif

/** The version of the interface; calmkeeper_version_str() returns the version of this library. */
#define ZOO_VERSION "3.8.0"

/** The first number of ZOO_VERSION, for programs that compare. Apache's headers had the three numbers until 3.5. */
#define ZOO_MAJOR_VERSION 3
/** The second number. */
#define ZOO_MINOR_VERSION 8
/** The third number. */
#define ZOO_PATCH_VERSION 0

#ifdef __cplusplus
}
#endif

#endif /* ZOOKEEPER_VERSION_H_ */
