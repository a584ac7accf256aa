# The house's rules: arrows between rooms, purity of the cores, one loop, one list of packages, nothing left out.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
HERE=$SYNCLINE_SOURCE/tests/architecture
cd "$SYNCLINE_SOURCE" || exit 1

sources() { find src engine ui -name '*.[ch]' | sort; }

# Each include of our own headers against the longest row that fits the file. An include's path is the file's without src/.
arrows() {
	sources | xargs grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' | awk -v table="$HERE/arrows" '
		BEGIN {
			while ((getline line <table) > 0) {
				if (line ~ /^#/ || line !~ /:/)
					continue
				colon = index(line, ":")
				rows[substr(line, 1, colon - 1)] = substr(line, colon + 1)
			}
		}
		{
			split($0, part, ":")
			file = part[1]
			sub(/^src\//, "", file)
			split($0, quoted, "\"")
			wanted = quoted[2]
			if (wanted == "config.h")
				next
			best = ""
			for (row in rows)
				if (index(file, row) == 1 && length(row) > length(best))
					best = row
			if (best == "") {
				print part[1] ": no row in tests/architecture/arrows"
				bad = 1
				next
			}
			count = split(rows[best], allowed, " ")
			fine = index(wanted, best) == 1 && best ~ /\/$/
			for (i = 1; i <= count; i++)
				if (wanted == allowed[i] || (allowed[i] ~ /\/$/ && index(wanted, allowed[i]) == 1))
					fine = 1
			if (!fine) {
				print part[1] ":" part[2] ": " best " may not include " wanted
				bad = 1
			}
		}
		END { exit bad }'
}

# Plain paths from the roots: nothing climbs around the table.
plain_paths() {
	! sources | xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]*\.\.|\.|/|[^"/]*")' |
		grep -v '"config\.h"'
}

# Every symbol that these libraries import and do not define among themselves.
pure() (
	cd "$SYNCLINE_BUILD" || exit 1
	for library in libbase.a libwire.a libenginecore.a libhubcore.a; do
		[ -f $library ] || { echo "$library is not built"; exit 1; }
	done
	nm -g --defined-only libbase.a libwire.a libenginecore.a libhubcore.a | awk 'NF == 3 { print $3 }' | sort -u >"$S/ours"
	nm -A -u libbase.a libwire.a libenginecore.a libhubcore.a | awk '$(NF - 1) ~ /^[Uw]$/ { print $NF, $1 }' | sort -u >"$S/imports"
	awk -v ours="$S/ours" -v table="$HERE/pure" '
		BEGIN {
			while ((getline name <ours) > 0)
				own[name] = 1
			while ((getline name <table) > 0)
				if (name !~ /^#/ && name != "")
					if (sub(/\*$/, "", name))
						start[name] = 1
					else
						exact[name] = 1
		}
		own[$1] || $1 ~ /^__(asan|ubsan|tsan|sanitizer|gcov|llvm)_/ { next }
		{
			name = $1
			sub(/@.*/, "", name)
			gsub(/^_+/, "", name)
			sub(/_chk$/, "", name)
			fine = name in exact
			for (s in start)
				fine = fine || index(name, s) == 1
			if (!fine) {
				print $2 " imports " $1
				bad = 1
			}
		}
		END { exit bad }' "$S/imports"
)

one_loop() {
	! {
		sources | grep -vE '^(src/sys/loop\.c|engine/io/websocket[^/]*|src/hub/io/[^/]*)$' |
			xargs grep -nE '#[[:space:]]*include[[:space:]]*<libwebsockets'
		sources | grep -v '^src/sys/loop\.c$' | xargs grep -nE '\b(lws_service|lws_service_[a-z]+|uv_run)[[:space:]]*\('
	} | grep .
}

# Only the console's terminal knows ncurses.
one_terminal() {
	! sources | grep -v '^ui/term[^/]*$' | xargs grep -nE '#[[:space:]]*include[[:space:]]*<(ncurses|curses|term\.h|panel)'
}

modules_have_packages() {
	sed -n "/<<'LIST'/,/^LIST/p" bootstrap | cut -s -d' ' -f2- | tr ' ' '\n' | sort >"$S/brought"
	sed -n '/^PKG_CHECK_MODULES(\[DEPS\]/,/^\])/p' configure.ac | sed '1d;$d' | awk '{ print $1 }' >"$S/used"
	sed -n 's/^PKG_CHECK_MODULES(\[[A-Z]*\], \[\([a-z0-9][a-z0-9]*\).*/\1/p' configure.ac >>"$S/used"
	[ "$(wc -l <"$S/used")" -gt 5 ] || { echo "cannot read configure.ac"; return 1; }
	missing=0
	while read -r module; do
		grep -qx "$module" "$S/brought" || { echo "bootstrap has no package for $module"; missing=1; }
	done <"$S/used"
	return $missing
}

# What no room names (itself, or as FOLDER/*.KIND) would not be built, tested or shipped.
all_are_named() {
	cat Makefile.am $(find . -name room.am -not -path './build*' -not -path './syncline-*') >"$S/rooms"
	unnamed=0
	for file in $(find src engine ui tests themes doc -type f ! -name room.am ! -name '*~' ! -name '.*' | sort); do
		case $file in
		*.o | *.log | *.trs | *.Po | */.dirstamp | */.deps/*) continue ;;
		esac
		grep -qF -e "$file" -e "${file%/*}/*.${file##*.}" "$S/rooms" || { echo "$file is in no room.am"; unnamed=1; }
	done
	return $unnamed
}

shell_is_sound() {
	for script in bootstrap .ci/run $(find tests -name '*.sh'); do
		sh -n "$script" || return 1
	done
}

t "includes keep the arrows" arrows
t "includes are plain paths" plain_paths
t "the cores import nothing of the system" pure
t "one file knows the loop" one_loop
t "one file knows the terminal" one_terminal
t "each library has its package" modules_have_packages
t "every file is named by a room" all_are_named
t "shell scripts parse" shell_is_sound
