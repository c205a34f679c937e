# Stand-ins for the functions of OpenWrt's /lib/functions.sh that the init script and the package's scripts call, as their
# documentation has them. Local variables have the names of the originals, since a function sees those of its callers.
# shellcheck shell=dash disable=SC1090,SC2013,SC2034,SC2154

CONFIG_SECTIONS=

# The system log.
logger() {
	local word
	for word; do :; done
	printf '%s\n' "$word" >>/tmp/log
}

reset_cb() {
	config_cb() { :; }
	option_cb() { :; }
	list_cb() { :; }
}
reset_cb

# The file has the form of `uci export`, which OpenWrt evaluates as well: commands, and words in single quotes.
config_load() {
	local list
	for list in $CONFIG_LIST_STATE; do
		eval "CONFIG_$list= CONFIG_${list}_LENGTH="
	done
	CONFIG_LIST_STATE=
	CONFIG_SECTIONS=
	CONFIG_SECTION=
	[ ! -e "/etc/config/$1" ] || . "/etc/config/$1"
	# OpenWrt's calls it once more at the end.
	[ -z "$CONFIG_SECTION" ] || config_cb
}

package() { :; }

set_variable() {
	eval "CONFIG_$1_$2=\$3"
}

config() {
	local cfgtype="$1" name="$2"
	count=$((${count:-0} + 1))
	CONFIG_SECTION="${name:-cfg$count}"
	CONFIG_SECTIONS="$CONFIG_SECTIONS $CONFIG_SECTION"
	set_variable "$CONFIG_SECTION" TYPE "$cfgtype"
	config_cb "$cfgtype" "$CONFIG_SECTION"
}

option() {
	local varname="$1" value="$2"
	set_variable "$CONFIG_SECTION" "$varname" "$value"
	option_cb "$varname" "$value"
}

list() {
	local varname="$1" value="$2" len joined
	eval "len=\${CONFIG_${CONFIG_SECTION}_${varname}_LENGTH:-0} joined=\${CONFIG_${CONFIG_SECTION}_$varname}"
	CONFIG_LIST_STATE="$CONFIG_LIST_STATE ${CONFIG_SECTION}_$varname"
	len=$((len + 1))
	set_variable "$CONFIG_SECTION" "${varname}_ITEM$len" "$value"
	set_variable "$CONFIG_SECTION" "${varname}_LENGTH" "$len"
	set_variable "$CONFIG_SECTION" "$varname" "${joined:+$joined }$value"
	list_cb "$varname" "$value"
}

# An empty value is replaced by the default; names with other characters are ignored.
config_get() {
	case "$2$3" in
	*[!A-Za-z0-9_]*) ;;
	*) eval "$1=\${CONFIG_${2}_${3}:-\$4}" ;;
	esac
}

config_get_bool() {
	local _tmp
	config_get _tmp "$2" "$3" "$4"
	case "$_tmp" in
	1 | on | true | yes | enabled) _tmp=1 ;;
	0 | off | false | no | disabled) _tmp=0 ;;
	*) _tmp="$4" ;;
	esac
	eval "$1=\$_tmp"
}

config_foreach() {
	local ___function="$1" ___type="$2" section cfgtype
	shift 2
	for section in $CONFIG_SECTIONS; do
		config_get cfgtype "$section" TYPE
		[ "$cfgtype" != "$___type" ] || "$___function" "$section" "$@"
	done
}

config_list_foreach() {
	local section="$1" option="$2" function="$3" val len c=1
	shift 3
	config_get len "$section" "${option}_LENGTH" 0
	while [ "$c" -le "$len" ]; do
		config_get val "$section" "${option}_ITEM$c"
		"$function" "$val" "$@"
		c=$((c + 1))
	done
}

user_exists() {
	grep -q "^$1:" /etc/passwd
}

group_add_next() {
	grep -q "^$1:" /etc/group || echo "$1:x:32768:" >>/etc/group
	sed -n "s/^$1:[^:]*:\([0-9]*\):.*/\1/p" /etc/group
}

user_add() {
	echo "$1:x:${2:-32768}:${3:-32768}:$1:/var/run/$1:/bin/false" >>/etc/passwd
}

# opkg has unpacked the files, and written their list and the control file into /usr/lib/opkg/info.
default_postinst() {
	local pkgname file
	pkgname="${1##*/}"
	pkgname="${pkgname%.*}"
	for file in $(sed -n 's/^Require-User: *\([^:]*\).*/\1/p' "/usr/lib/opkg/info/$pkgname.control"); do
		user_exists "$file" || user_add "$file" '' "$(group_add_next "$file")"
	done
	for file in $(grep '^/etc/init.d/' "/usr/lib/opkg/info/$pkgname.list"); do
		"$file" enable
		"$file" start
	done
}

default_prerm() {
	local pkgname file
	pkgname="${1##*/}"
	pkgname="${pkgname%.*}"
	for file in $(grep '^/etc/init.d/' "/usr/lib/opkg/info/$pkgname.list"); do
		[ "$PKG_UPGRADE" = 1 ] || "$file" disable
		"$file" stop
	done
}
