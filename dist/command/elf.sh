# Reads facts from an ELF file with od and awk, because many systems do not have binutils.

# elf_facts FILE: a line per fact, "NAME VALUE"; nothing for a file that is not ELF, cannot be read or is big-endian.
#   type 2|3   machine N   class 32|64   interp PATH   needed NAME   soname NAME   rpath PATHS   runpath PATHS   build-id HEX
#   end N: the least length of the whole file
elf_facts() {
    # Standard error is discarded: awk starts od by a shell, which prints an error if the working directory was removed.
    ELF_FILE=$1 LC_ALL=C awk '
        # Reads bytes of the file, from an offset, into B.
        function load(offset, length_, command, line, part, count, total, i) {
            for (i in B) delete B[i]
            command = sprintf("od -An -v -tu1 -j %.0f -N %.0f \"$ELF_FILE\" 2>/dev/null", offset, length_)
            total = 0
            while ((command | getline line) > 0) {
                count = split(line, part, " ")
                for (i = 1; i <= count; i++) B[total++] = part[i]
            }
            close(command)
            return total
        }
        function number(at, size, value) {
            value = 0
            while (size-- > 0) value = value * 256 + B[at + size]
            return value
        }
        function text(offset, got, i, value) {
            got = load(offset, 4096)
            value = ""
            for (i = 0; i < got && B[i] != 0; i++) value = value sprintf("%c", B[i] + 0)
            return value
        }
        function file_offset(address, i) {
            for (i = 0; i < segments; i++)
                if (kind[i] == 1 && address >= start[i] && address < start[i] + size[i]) return address - start[i] + offset[i]
            return -1
        }
        function notes(offset, length_, at, name, description, i, id) {
            if (length_ > 65536 || load(offset, length_) < length_) return
            for (at = 0; at + 12 <= length_; at += 12 + int((name + 3) / 4) * 4 + int((description + 3) / 4) * 4) {
                name = number(at, 4); description = number(at + 4, 4)
                if (number(at + 8, 4) != 3 || name != 4 || B[at + 12] != 71 || at + 16 + description > length_) continue
                id = ""
                for (i = 0; i < description; i++) id = id sprintf("%02x", B[at + 16 + i])
                print "build-id " id
            }
        }
        BEGIN {
            if (load(0, 64) < 52 || B[0] != 127 || B[1] != 69 || B[2] != 76 || B[3] != 70 || B[5] != 1) exit
            wide = B[4] == 2; word = wide ? 8 : 4
            print "class " (wide ? 64 : 32); print "type " number(16, 2); print "machine " number(18, 2)
            table = wide ? number(32, 8) : number(28, 4)
            entry = number(wide ? 54 : 42, 2); segments = number(wide ? 56 : 44, 2)
            end = number(wide ? 40 : 32, word) + number(wide ? 58 : 46, 2) * number(wide ? 60 : 48, 2)
            if (load(table, entry * segments) < entry * segments) exit
            for (i = 0; i < segments; i++) {
                at = i * entry
                kind[i] = number(at, 4); offset[i] = number(at + (wide ? 8 : 4), word)
                start[i] = number(at + (wide ? 16 : 8), word); size[i] = number(at + (wide ? 32 : 16), word)
                if (offset[i] + size[i] > end) end = offset[i] + size[i]
            }
            printf "end %.0f\n", end
            dynamic = 0
            for (i = 0; i < segments; i++) {
                if (kind[i] == 3) print "interp " text(offset[i])
                if (kind[i] == 4) notes(offset[i], size[i])
                if (kind[i] != 2) continue
                load(offset[i], size[i])
                for (at = 0; at < size[i]; at += 2 * word) { tag[dynamic] = number(at, word); value[dynamic++] = number(at + word, word) }
            }
            for (i = 0; i < dynamic; i++) if (tag[i] == 5) strings = file_offset(value[i])
            wanted[1] = "needed"; wanted[14] = "soname"; wanted[15] = "rpath"; wanted[29] = "runpath"
            for (i = 0; i < dynamic && tag[i] != 0; i++)
                if (tag[i] in wanted && strings > 0) print wanted[tag[i]] " " text(strings + value[i])
        }' 2>/dev/null
}

# elf_fact FILE NAME: the values of one fact.
elf_fact() {
    elf_facts "$1" | sed -n "s/^$2 //p"
}
