/*
 * recordio.h - the types and functions behind the records of zookeeper.jute.h.
 */
#ifndef __RECORDIO_H__
#define __RECORDIO_H__

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

@doc buffer

/** Frees `*s`, from malloc or null, and makes it null. A null `s` is ignored. */
@ deallocate_String

/** Frees `b->buff`, from malloc or null, and makes it null; `b->len` stays. A null `b` is ignored. */
@ deallocate_Buffer

/*
 * The following declarations are for code that compiles against them. Neither this library nor Apache's shared library
 * exports the functions, so a program that calls them needs Apache's static library.
 */

/** Frees an array. Not exported. */
void deallocate_vector(void *d);

/**
 * A reader of records: one function for each kind of field. All return 0, or a negative number if the bytes do not hold
 * the requested field. `start_vector` yields the count; `priv` is private to the reader.
 */
struct iarchive {
    int (*start_record)(struct iarchive *ia, const char *tag);
    int (*end_record)(struct iarchive *ia, const char *tag);
    int (*start_vector)(struct iarchive *ia, const char *tag, int32_t *count);
    int (*end_vector)(struct iarchive *ia, const char *tag);
    int (*deserialize_Bool)(struct iarchive *ia, const char *name, int32_t *v);
    int (*deserialize_Int)(struct iarchive *ia, const char *name, int32_t *v);
    int (*deserialize_Long)(struct iarchive *ia, const char *name, int64_t *v);
    int (*deserialize_Buffer)(struct iarchive *ia, const char *name, struct buffer *v);
    int (*deserialize_String)(struct iarchive *ia, const char *name, char **v);
    void *priv;
};

/** A writer of records, the counterpart of `struct iarchive`. A negative result means that there was no memory. */
struct oarchive {
    int (*start_record)(struct oarchive *oa, const char *tag);
    int (*end_record)(struct oarchive *oa, const char *tag);
    int (*start_vector)(struct oarchive *oa, const char *tag, const int32_t *count);
    int (*end_vector)(struct oarchive *oa, const char *tag);
    int (*serialize_Bool)(struct oarchive *oa, const char *name, const int32_t *v);
    int (*serialize_Int)(struct oarchive *oa, const char *name, const int32_t *v);
    int (*serialize_Long)(struct oarchive *oa, const char *name, const int64_t *v);
    int (*serialize_Buffer)(struct oarchive *oa, const char *name, const struct buffer *v);
    int (*serialize_String)(struct oarchive *oa, const char *name, char **v);
    void *priv;
};

/** A writer into newly allocated memory. Not exported. */
struct oarchive *create_buffer_oarchive(void);

/** Frees a writer and makes `*oa` null; frees its bytes only if `free_buffer` is not 0. Not exported. */
void close_buffer_oarchive(struct oarchive **oa, int free_buffer);

/** A reader of `len` bytes, which must outlive it. Not exported. */
struct iarchive *create_buffer_iarchive(char *buffer, int len);

/** Frees a reader and makes `*ia` null. Not exported. */
void close_buffer_iarchive(struct iarchive **ia);

/** The bytes written so far, which still belong to the writer. Not exported. */
char *get_buffer(struct oarchive *oa);

/** The number of bytes written so far. Not exported. */
int get_buffer_len(struct oarchive *oa);

/** Converts 64 bits from the host's byte order to the network's, or back. Exported. */
@ zoo_htonll

#ifdef __cplusplus
}
#endif

#endif /* __RECORDIO_H__ */
