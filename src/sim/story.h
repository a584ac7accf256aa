/* story: a life from a script in plain words, one act a line, `#` begins a comment. Paths are CATEGORY/PATH; categories are
 * notes (asks), merged, lines and newest (by their strategy), held (small and frequent changes wait). Texts are in quotes,
 * single or double, \n in them is a line's end; a file holds the text and a newline ("" is an empty file).
 *
 *   devices laptop desk phone        who there is; first line. They are off until they start
 *   parts of NUMBER bytes            (of large contents, for whoever starts from now on)
 *   start NAME…      stop NAME…      (a process, cleanly)
 *   cut NAME…        heal NAME…      (its network)
 *   NAME writes PATH "text"          NAME appends PATH "text"       NAME touches PATH
 *   NAME removes PATH                NAME renames PATH PATH         NAME makes PATH executable
 *   NAME writes PATH "text" right before the next exchange (of names, by its engine: in place)
 *   NAME writes NUMBER KiB of PATH   (what compresses badly: its body goes in parts)
 *   NAME writes unseen PATH "text"   (appends it, and no event tells: as by mmap, or a hard link from outside)
 *   NAME renames folder PATH PATH    NAME removes folder PATH       (and all below it)
 *   NAME makes folder PATH closed|read-only|open                    (to everybody, its own programs as well)
 *   NAME loses root CATEGORY         NAME finds root CATEGORY empty (a disk that is pulled; a bare mount point)
 *   NAME finds root CATEGORY again
 *   NAME loses events                NAME hears events              (from now on its watcher's queue overflows)
 *   NAME has no room                 NAME has room                  (on its disk)
 *   NAME has a slow line             NAME has a fast line           (from its next connection on)
 *   NAME resolves PATH mine|theirs   NAME cannot resolve PATH mine|theirs
 *   NAME restores PATH "text"        (the version that held it)
 *   NAME thins its history           (all of 5 seconds, and the newest, and what is needed: simthin.h)
 *   NAME is NUMBER hours ahead       NAME is NUMBER hours behind    (its clock, from now on)
 *   NAME pauses      NAME resumes    NAME accepts                   (that the hub went back, that much is deleted)
 *   NAME brings back CATEGORY        (what is gone there at once, and held)
 *   NAME is killed   NAME loses power
 *   NAME is backed up                NAME is put back               (its state, not its files; it must be stopped)
 *   NAME is a clone of NAME          (its keys, state and files: one device id twice; both stopped, one at a time)
 *   NAME loses its state             NAME finds its record of PATH damaged    (it must be stopped)
 *   NAME finds its versions rotten
 *   NAME dies placing the next file  (the file stands there; nothing of it was saved)
 *   NAME dies behind NUMBER parts    (of large files that it places from now on)
 *   NAME places NUMBER parts         (it is waited for that)
 *   NAME opens a large entry         (it is waited for: half of it is hashed and opened, nothing of it is known yet)
 *   NAME loses the next answer       (the hub takes its change; the confirmation is lost with the link)
 *   NAME misses the next answer      (it is lost, and the link lives on)
 *   NAME hears the next answer wrong (it names a change that was never sent)
 *   hub is killed    hub is backed up    hub is put back
 *   settle           wait SECONDS
 *   expect NAME|all PATH "text"      expect NAME|all PATH absent    expect NAME|all PATH executable
 *   expect conflict PATH             expect no conflicts            (on every running device)
 *   expect equal                     (every invariant at rest)
 *   expect log NUMBER                (entries in the hub's log)
 *   expect NAME history PATH "text"  (it can be had again)     expect NAME no history PATH "text"
 *   expect NAME refuses the hub      (the hub went back; nothing is applied or sent)
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Plays the script. False: it cannot be read, or something was not as expected; `why` says what, with the line. */
bool story_play(const char *script, uint64_t seed, bool trace, char *why, size_t cap);
#endif
