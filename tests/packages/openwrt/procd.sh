# A stand-in for OpenWrt's procd.sh: each call is recorded, its number of words and each word with a zero after it. The
# test is procd. The signal of procd_send_signal has to reach the agent before the calls after it.
# shellcheck shell=dash

record() {
	printf '%s\0' "$#" "$@" >>/tmp/procd.calls
}

procd_open_service() {
	record open_service "$@"
}

procd_close_service() {
	service_triggers
	record close_service
}

procd_open_instance() { record open_instance "$@"; }
procd_set_param() { record set_param "$@"; }
procd_close_instance() { record close_instance; }
procd_add_reload_trigger() { record reload_trigger "$@"; }
procd_add_reload_interface_trigger() { record interface_trigger "$@"; }
procd_kill() { record kill "$@"; }
procd_send_signal() { record send_signal "$@"; }
