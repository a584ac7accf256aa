/* names: the prefix for the names of the engine's file rooms as the simulated world has them, see calls.h. Whoever calls
 * that copy includes this before their headers. */
#ifndef SIM_REAL_NAMES_H
#define SIM_REAL_NAMES_H
#define files_add_root real_files_add_root
#define files_create real_files_create
#define files_destroy real_files_destroy
#define files_hold real_files_hold
#define files_is_large real_files_is_large
#define files_judge_drop real_files_judge_drop
#define files_large_drop real_files_large_drop
#define files_large_end real_files_large_end
#define files_large_held real_files_large_held
#define files_large_hold real_files_large_hold
#define files_large_init real_files_large_init
#define files_large_step real_files_large_step
#define files_large_turn real_files_large_turn
#define files_large_written real_files_large_written
#define files_lease real_files_lease
#define files_leased real_files_leased
#define files_leftover real_files_leftover
#define files_link_stays_inside real_files_link_stays_inside
#define files_look real_files_look
#define files_open_below real_files_open_below
#define files_open_folder real_files_open_folder
#define files_open_new real_files_open_new
#define files_part_bytes real_files_part_bytes
#define files_peek real_files_peek
#define files_place real_files_place
#define files_prune real_files_prune
#define files_reading_begin real_files_reading_begin
#define files_reading_drop real_files_reading_drop
#define files_open_file real_files_open_file
#define files_reading_same real_files_reading_same
#define files_reading_some real_files_reading_some
#define files_refused real_files_refused
#define files_remove_root real_files_remove_root
#define files_rename_new real_files_rename_new
#define files_rest real_files_rest
#define files_retire real_files_retire
#define files_root_far real_files_root_far
#define files_root_fd real_files_root_fd
#define files_root_find real_files_root_find
#define files_root_opened real_files_root_opened
#define files_root_path real_files_root_path
#define files_root_pin real_files_root_pin
#define files_root_there real_files_root_there
#define files_seam real_files_seam
#define files_settle_new real_files_settle_new
#define files_split real_files_split
#define files_stage real_files_stage
#define files_stage_sync real_files_stage_sync
#define files_stat_of real_files_stat_of
#define files_sync_names real_files_sync_names
#define files_take real_files_take
#define files_take_at real_files_take_at
#define files_take_drop real_files_take_drop
#define files_temp_add real_files_temp_add
#define files_temp_drop real_files_temp_drop
#define files_temp_find real_files_temp_find
#define files_temp_name real_files_temp_name
#define files_tidy real_files_tidy
#define files_tidy_in_ms real_files_tidy_in_ms
#define files_times_of real_files_times_of
#define files_unlease real_files_unlease
#define files_version_at real_files_version_at
#define files_waiting real_files_waiting
#define files_write_new real_files_write_new
#define files_write_whole real_files_write_whole
#define scan_active real_scan_active
#define scan_add real_scan_add
#define scan_create real_scan_create
#define scan_destroy real_scan_destroy
#define scan_drop real_scan_drop
#define scan_step real_scan_step
#define watcher_add real_watcher_add
#define watcher_check_roots real_watcher_check_roots
#define watcher_count real_watcher_count
#define watcher_create real_watcher_create
#define watcher_destroy real_watcher_destroy
#define watcher_enter real_watcher_enter
#define watcher_fd real_watcher_fd
#define watcher_feed real_watcher_feed
#define watcher_needed real_watcher_needed
#define watcher_polling real_watcher_polling
#define watcher_read real_watcher_read
#define watcher_remove real_watcher_remove
#define watcher_scanned real_watcher_scanned
#define watcher_seam real_watcher_seam
#define watcher_waiting real_watcher_waiting
#define watcher_wd real_watcher_wd

#include "engine/io/files.h"
#include "engine/io/inotify.h"
#include "engine/io/scan.h"
#endif
