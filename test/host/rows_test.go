package host

// row is one hazard of a Go runtime in a C process, and what programs/PROGRAM.c must show. The
// numbers are those of the table in docs/embedding.md.
type row struct {
	number  int
	program string

	// kept are the tests of the host that show something as it was without the library; changed those
	// that show what is not, and must be known to be so. A program reports exactly these.
	kept, changed []string
}

// rows must not lose an entry of kept: each is a promise to hosts.
var rows = []row{
	{1, "fork", []string{
		"loading_after_a_fork_works", "a_forked_child_is_refused", "a_cloned_child_is_refused",
		"fork_and_exec_work",
	}, nil},
	{2, "single_thread", []string{
		"a_user_namespace_can_be_made_before_loading", "other_namespaces_can_be_made_after_loading",
		"a_child_in_a_user_namespace_can_be_made_after_loading",
	}, []string{"a_user_namespace_cannot_be_entered_after_loading"}},
	{3, "sigchld", []string{
		"children_are_seen_without_the_library", "children_are_seen_after_loading",
		"children_are_seen_after_a_call",
		"children_are_seen_after_a_plugin_process", "children_are_seen_after_calls_of_other_threads",
	}, nil},
	{4, "signal_masks", []string{
		"the_mask_is_kept_when_all_is_blocked", "the_mask_is_kept_when_nothing_is_blocked",
		"the_mask_of_a_new_thread_is_kept", "errno_is_kept",
		"threads_of_the_library_block_the_signals_of_the_host",
		"blocked_signals_stay_pending",
	}, nil},
	{5, "handlers", []string{
		"handlers_of_the_host_are_kept", "a_crash_of_the_host_is_one",
		"a_crash_of_the_host_runs_its_handler", "a_fault_in_a_callback_ends_the_host_at_once",
		"a_fault_in_a_callback_runs_the_hosts_handler",
		"a_fault_that_is_sent_does_what_the_host_chose",
		"a_broken_pipe_does_what_the_host_chose", "a_handler_without_a_stack_of_its_own_does_no_harm",
	}, []string{"loading_installs_handlers_for_four_signals_only"}},
	{6, "sigurg", []string{"go_sends_no_SIGURG", "the_host_gets_its_own_SIGURG"}, nil},
	{7, "sigprof", []string{"the_host_gets_its_ticks_and_only_on_its_thread"}, nil},
	{8, "reaping", []string{
		"verdicts_are_right_though_a_thread_reaps", "verdicts_are_right_though_SIGCHLD_is_ignored",
		"verdicts_are_right_though_children_do_not_wait", "calls_leave_no_children",
		"children_of_the_host_are_left_to_it",
	}, nil},
	{9, "inherited", []string{"plugins_inherit_nothing"}, nil},
	{10, "closed_descriptors", []string{"closing_all_before_the_first_call_does_no_harm"},
		[]string{"closing_all_after_a_call_ends_the_process"}},
	{11, "descriptors", []string{
		"loading_with_one_or_two_left_works", "loading_opens_none",
		"all_are_close_on_exec_and_none_is_of_a_cgroup",
		"calls_leave_none", "the_first_call_opens_the_poller", "detaching_needs_no_more_than_attaching",
		"a_low_limit_is_an_error", "a_few_left_are_an_error",
	}, nil},
	{12, "open_file_limit", []string{
		"loading_and_calling_keep_the_limit", "children_inherit_the_limit", "plugins_inherit_the_limit",
		"a_limit_set_later_counts",
	}, nil},
	{13, "environment", []string{
		"setenv_before_loading_counts", "setenv_after_loading_counts",
		"a_cleared_environment_does_no_harm",
	}, nil},
	{14, "go_environment", []string{
		"loading_keeps_the_variables", "plugins_get_the_variables", "memory_stays_small",
		"nothing_is_printed",
	}, nil},
	{15, "panics", []string{
		"panics_are_errors", "panics_are_errors_when_all_signals_are_blocked",
		"panics_of_many_threads_are_errors",
		"panics_are_errors_for_a_host_that_handles_SIGSEGV",
	}, nil},
	{
		16, "two_runtimes",
		[]string{"both_work_with_ours_loaded_first", "both_work_with_ours_loaded_last"}, nil,
	},
	{17, "dlclose", []string{
		"closing_and_loading_again_works", "loading_it_again_starts_no_threads",
	}, []string{"the_library_stays_when_it_is_closed"}},
	{18, "tls", []string{"a_thread_may_load_it_and_end", "little_thread_local_memory_is_used"}, nil},
	{19, "namespaces", []string{
		"calls_act_in_the_namespaces_of_their_thread", "other_threads_are_not_affected",
	}, nil},
	{20, "credentials", []string{
		"plugins_get_no_new_privileges_if_their_thread_has_none", "a_thread_without_rights_is_refused",
		"other_threads_keep_their_rights", "the_end_of_a_thread_ends_nothing",
	}, nil},
	{
		21, "memory",
		[]string{"memory_threads_and_descriptors_stay_flat", "a_hundred_callers_leave_little"}, nil,
	},
	{22, "cost", []string{
		"calls_are_cheap", "sixteen_KiB_of_stack_are_enough", "the_main_thread_may_call_on_any_stack",
	}, nil},
	{23, "loading", []string{
		"a_call_right_after_loading_works", "many_threads_may_load_at_once",
		"the_host_may_exit_while_threads_call",
	}, nil},
	{
		24, "output",
		[]string{"nothing_is_written_to_the_standard_streams", "closed_standard_streams_do_no_harm"}, nil,
	},
	{25, "threads", []string{"a_hundred_threads_may_call_at_once"}, nil},
	{
		26, "setuid", []string{"all_threads_change_their_user", "a_thread_that_called_can_be_cancelled"},
		nil,
	},
	{27, "umask", []string{
		"umask_is_kept", "the_working_directory_is_kept", "files_of_the_library_are_for_their_owner",
	}, nil},
	{28, "address_space", nil, []string{"two_GiB_of_addresses_are_enough"}},
	{29, "data_limit", nil, []string{"half_a_GiB_of_data_is_enough"}},
}
