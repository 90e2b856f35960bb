/** Metrics that upstream keeps as they are, and those that it may still change a little (KEP-1209). Its others are alpha. */
const STABLE: ReadonlySet<string> = new Set([
  "apiserver_admission_controller_admission_duration_seconds",
  "apiserver_admission_step_admission_duration_seconds",
  "apiserver_admission_webhook_admission_duration_seconds",
  "apiserver_current_inflight_requests",
  "apiserver_longrunning_requests",
  "apiserver_request_duration_seconds",
  "apiserver_request_total",
  "apiserver_requested_deprecated_apis",
  "apiserver_response_sizes",
  "apiserver_storage_size_bytes",
  "container_cpu_usage_seconds_total",
  "container_memory_working_set_bytes",
  "container_start_time_seconds",
  "kubernetes_healthcheck",
  "kubernetes_healthchecks_total",
  "node_cpu_usage_seconds_total",
  "node_memory_working_set_bytes",
  "pod_cpu_usage_seconds_total",
  "pod_memory_working_set_bytes",
  "resource_scrape_error",
  "scheduler_pending_pods",
  "scheduler_pod_scheduling_attempts",
  "scheduler_preemption_attempts_total",
  "scheduler_preemption_victims",
  "scheduler_queue_incoming_pods_total",
  "scheduler_schedule_attempts_total",
  "scheduler_scheduling_attempt_duration_seconds",
]);

const BETA: ReadonlySet<string> = new Set([
  "apiserver_flowcontrol_current_executing_requests",
  "apiserver_flowcontrol_current_executing_seats",
  "apiserver_flowcontrol_current_inqueue_requests",
  "apiserver_flowcontrol_dispatched_requests_total",
  "apiserver_flowcontrol_nominal_limit_seats",
  "apiserver_flowcontrol_rejected_requests_total",
  "apiserver_flowcontrol_request_wait_duration_seconds",
  "apiserver_storage_events_received_total",
  "apiserver_watch_events_sizes",
  "apiserver_watch_events_total",
  "apiserver_watch_list_duration_seconds",
  "kubernetes_build_info",
  "kubernetes_feature_enabled",
  "prober_probe_total",
  "scheduler_pod_scheduling_sli_duration_seconds",
  "scheduler_scheduling_algorithm_duration_seconds",
  "scheduler_unschedulable_pods",
  "serviceaccount_valid_tokens_total",
  "storage_operation_duration_seconds",
  "workqueue_adds_total",
  "workqueue_depth",
  "workqueue_longest_running_processor_seconds",
  "workqueue_queue_duration_seconds",
  "workqueue_retries_total",
  "workqueue_unfinished_work_seconds",
  "workqueue_work_duration_seconds",
]);

/** Of which upstream says nothing: processes' own metrics have no level. */
const WITHOUT = /^process_/;

/** The text with the metric's level of stability before it, as upstream shows it. */
export function withStability(name: string, help: string): string {
  if (WITHOUT.test(name)) return help;
  const level = STABLE.has(name) ? "STABLE" : BETA.has(name) ? "BETA" : "ALPHA";
  return `[${level}] ${help}`;
}
