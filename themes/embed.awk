# Theme files as C strings, for theme_book_init: the shipped themes are always there, whatever is installed.
BEGIN { print "#include \"ui/theme.h\"\n\nconst struct theme_shipped theme_shipped[] = {" }
FNR == 1 {
	if (NR > 1)
		print "\t},"
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.theme$/, "", name)
	print "\t{ \"" name "\","
}
{
	gsub(/\\/, "\\\\")
	gsub(/"/, "\\\"")
	gsub(/\t/, "\\t")
	print "\t  \"" $0 "\\n\""
}
END { print "\t},\n\t{ 0 },\n};" }
