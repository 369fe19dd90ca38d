"""Our headers have all declarations of Apache's headers, and they agree."""

import re
import subprocess
import tempfile
import unittest

from declarations import APACHE, OURS, compiler_flags, read

# Declarations that only ours have, documented in zookeeper.h.
ADDITIONS = {
    "zoo_version_str", "calmkeeper_version_str", "ZOO_MAJOR_VERSION", "ZOO_MINOR_VERSION", "ZOO_PATCH_VERSION",
    "zoo_aremove_watchers", "zoo_get_reconnect_stats", "zoo_reconnect_stats", "ZOO_SSL_CONNECTING_STATE",
    "ZREQUESTTIMEOUT", "ZQUOTAEXCEEDED", "ZWATCHTYPE_PERSISTENT", "ZWATCHTYPE_PERSISTENT_RECURSIVE",
    "ZOO_HAVE_CALMKEEPER_API", "ZOO_ADD_WATCH_PERSISTENT", "ZOO_ADD_WATCH_PERSISTENT_RECURSIVE", "int_completion_t",
    "client_infos_completion_t", "zoo_aadd_watch", "zoo_awhoami", "zoo_aget_ephemerals", "zoo_aget_all_children_number",
    "zoo_get_op_init", "zoo_get_children_op_init", "zoo_amulti_read",
    "zoo_set_request_timeout", "ZOO_EXPIRE_LOCALLY",
}
THREADED_ADDITIONS = {
    "zoo_remove_watchers", "zoo_add_watch", "zoo_whoami", "zoo_get_ephemerals", "zoo_get_all_children_number",
    "zoo_multi_read",
}
# Macros whose text may differ: a level's `if` has the same meaning with another text; the others have no content.
OWN_TEXT = re.compile(r"LOG_(ERROR|WARN|INFO|DEBUG)\(.*|CALMKEEPER_\w+.*")


def conflicts(declarations):
    """The compiler's errors for a program that includes Apache's headers and then these declarations."""
    functions = (text for name, text in declarations.functions.items() if name not in ADDITIONS | THREADED_ADDITIONS)
    repeated = [*functions, *declarations.variables.values()]
    repeated += [text for text in declarations.typedefs.values() if text != "enum"]
    source = "#include <zookeeper.h>\n#include <zookeeper_log.h>\n" + "".join(f"{text};\n" for text in repeated)
    for name, value in declarations.constants.items():
        if name not in ADDITIONS:
            source += f'_Static_assert({name} == {value}, "{name}");\n'
    command = ["gcc", "-std=c11", "-DTHREADED", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-"]
    done = subprocess.run(command + compiler_flags(APACHE), input=source, capture_output=True, text=True)
    return done.stderr


class Agreement(unittest.TestCase):
    def test_nothing_is_missing(self):
        for threaded in (True, False):
            with self.subTest(threaded=threaded):
                apache, ours = set(read(APACHE, threaded).names()), set(read(OURS, threaded).names())
                self.assertGreater(len(apache), 400)
                self.assertEqual(sorted(apache - ours), [])

    def test_nothing_is_added_unnoticed(self):
        for threaded in (True, False):
            added = set(read(OURS, threaded).names()) - set(read(APACHE, threaded).names())
            added = {name for _, name in added if not OWN_TEXT.fullmatch(name)}
            self.assertEqual(added, ADDITIONS | THREADED_ADDITIONS if threaded else ADDITIONS)

    def test_no_declaration_conflicts(self):
        ours = read(OURS)
        ours.functions |= read(OURS, threaded=False).functions
        self.assertGreater(len(ours.functions), 250)
        self.assertEqual(conflicts(ours), "")

    def test_a_conflict_would_be_noticed(self):
        faults = (
            ("functions", "zoo_get", "int zoo_get ( zhandle_t * zh )"),
            ("functions", "zoo_aset_acl", read(OURS).functions["zoo_aset_acl"].replace("struct ACL_vector", "const struct ACL_vector")),
            ("variables", "ZOO_PERM_ALL", "extern int ZOO_PERM_ALL"),
            ("typedefs", "watcher_fn", "typedef int ( * watcher_fn ) ( zhandle_t * zh )"),
            ("constants", "ZOK", 1),
        )
        for kind, name, text in faults:
            with self.subTest(name):
                ours = read(OURS)
                self.assertIn(name, getattr(ours, kind))
                getattr(ours, kind)[name] = text
                self.assertIn(name, conflicts(ours))

    def test_structs_have_the_same_members(self):
        apache, ours = read(APACHE).structs, read(OURS).structs
        self.assertGreater(len(apache), 80)
        for name, members in apache.items():
            with self.subTest(name):
                # Parameters of function pointers may have other names, or none.
                self.assertEqual(_without_parameter_names(ours[name]), _without_parameter_names(members))

    def test_macros_have_the_same_text(self):
        apache, ours = read(APACHE).macros, read(OURS).macros
        for name, body in apache.items():
            if not OWN_TEXT.fullmatch(name):
                with self.subTest(name):
                    self.assertEqual(ours[name], body)

    def test_log_macros_mean_the_same(self):
        # Replaces the functions that the macros call by one that prints its arguments.
        program = r"""
        #include <stdarg.h>
        #include <stdio.h>
        #define log_message recorded
        #include <zookeeper.h>
        #include <zookeeper_log.h>
        ZooLogLevel logLevel;
        void recorded(log_callback_fn cb, ZooLogLevel level, int line, const char *function, const char *format, ...)
        {
            printf("%d %d %d %s %s\n", cb == NULL, (int)level, line, function, format);
        }
        static int evaluated(void) { return puts("argument evaluated"); }
        int main(void)
        {
            for (int level = 0; level < 7; level++) {
                logLevel = (ZooLogLevel)level;
                printf("at %d\n", level);
                LOG_ERROR(LOGSTREAM, "%d", evaluated());
                LOG_WARN(NULL, "warn");
                LOG_INFO(NULL, "info %d %d", 1, 2);
                LOG_DEBUG(NULL, "debug");
                if (level > 2) { LOG_ERROR(NULL, "branch"); } else puts("else");
            }
            return 0;
        }
        """
        outputs = []
        for directory in (APACHE, OURS):
            with tempfile.TemporaryDirectory() as scratch:
                command = ["gcc", "-std=c11", "-w", *compiler_flags(directory), "-x", "c", "-", "-o", f"{scratch}/program"]
                subprocess.run(command, input=program, text=True, check=True)
                outputs.append(subprocess.run([f"{scratch}/program"], capture_output=True, text=True, check=True).stdout)
        self.assertEqual(outputs[0], outputs[1])
        self.assertEqual(outputs[0].count("argument evaluated"), 6)


def _without_parameter_names(members):
    return re.sub(r"\( \* (\w+) \) \(([^)]*)\)", lambda m: f"( * {m[1]} ) ({_types(m[2])})", members)


def _types(parameters):
    types = []
    for parameter in parameters.split(","):
        tokens = parameter.split()
        # A last word after a star, or after another word that is a type by itself, is a name.
        if len(tokens) > 1 and tokens[-1] != "*" and tokens[-2] not in ("struct", "const"):
            tokens.pop()
        types.append(" ".join(tokens))
    return ", ".join(types)
