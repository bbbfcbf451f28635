"""Which version of Celery brought a setting or an option of its worker, for versions that are not
installed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

Minor = tuple[int, int]
"""5.3 is (5, 3)."""

_SETTINGS_SINCE: Mapping[Minor, str] = {
    (5, 1): "azureblockblob_base_path redis_backend_health_check_interval redis_username "
    "task_store_eager_result worker_cancel_long_running_tasks_on_connection_loss "
    "worker_deduplicate_successful_tasks",
    (5, 2): "azureblockblob_connection_timeout azureblockblob_read_timeout",
    (5, 3): "beat_cron_starting_deadline broker_channel_error_retry "
    "broker_connection_retry_on_startup cassandra_bundle_path cassandra_secure_bundle_path "
    "result_backend_thread_safe security_key_password task_allow_error_cb_on_chord_header",
    (5, 4): "gcs_base_path gcs_bucket gcs_project gcs_threadpool_maxsize gcs_ttl "
    "worker_enable_prefetch_count_reduction",
    (5, 5): "broker_native_delayed_delivery_queue_type database_create_tables_at_setup "
    "firestore_project task_default_queue_type worker_detect_quorum_queues "
    "worker_enable_soft_shutdown_on_idle worker_soft_shutdown_timeout",
    (5, 6): "control_queue_durable control_queue_exclusive event_queue_durable "
    "event_queue_exclusive redis_backend_credential_provider redis_client_name "
    "task_create_missing_queue_exchange_type task_create_missing_queue_type "
    "worker_disable_prefetch worker_eta_task_limit",
    (5, 7): "beat_enable_remote_control beat_remote_control_max_tick_age "
    "broker_pool_acquire_timeout database_engine_callback result_chord_expires "
    "result_failure_expires task_acks_on_failure task_acks_on_timeout task_repr_maxlevels "
    "task_retry_on_worker_lost worker_log_datefmt worker_pool_start_method "
    "worker_task_log_datefmt",
}
_OPTIONS_SINCE: Mapping[Minor, str] = {
    (5, 3): "--optimization",
    (5, 6): "--disable-prefetch",
    (5, 7): "--pool-start-method",
}
"""What each minor version understands that the one before did not, found by
`probe.own_app.celery_sources` in celery 5.0.5, 5.1.2, 5.2.7, 5.3.1, 5.3.6, 5.4.0, 5.5.3, 5.6.3 and
5.7.0; none took anything away."""


@cache
def since(name: str) -> Minor | None:
    """The minor version that brought a setting or an option; None for what has always been."""
    tables = (_SETTINGS_SINCE, _OPTIONS_SINCE)
    return next(
        (minor for t in tables for minor, names in t.items() if name in names.split()), None
    )


def minor_of(version: str) -> Minor:
    """Major and minor number of a release: (5, 3) of `5.3.1`."""
    first, second, *_ = version.split(".")
    return int(first), int(second)
