/* limits: every bound of the hub, with its reason. The wire's own are in wire/wire.h. */
#ifndef HUB_CORE_LIMITS_H
#define HUB_CORE_LIMITS_H
#include "wire/wire.h"

#define HUB_AUTH_MS       10000                /* from opening a connection to having authenticated */
#define HUB_SILENT_MS     90000                /* three missed heartbeats */
#define HUB_FRAME         (WIRE_FRAME_MAX / 2) /* frames to devices: whole records, so half leaves room for one more */
#define HUB_WINDOW        (256u * 1024)        /* unsent bytes of a connection above which it is fed no more log */
#define HUB_READ          (128u * 1024)        /* one read of the log, one connection */
#define HUB_TURN_READ     (4u * 1024 * 1024)   /* all reads of one turn: no turn over 20 ms */
#define HUB_SLOW          (4u * 1024 * 1024)   /* unsent answers: it asks and never reads */
#define HUB_PARTS_ACCOUNT (2u * WIRE_BODY_MAX) /* unfinished bodies of one account, in memory */
#define HUB_PARTS_ALL     (8u * WIRE_BODY_MAX) /* of all accounts */
#define HUB_PARTS_EACH    16                   /* unfinished bodies of one device */
#define HUB_STAGE         (1024u * 1024)       /* so much of a body at a time goes ahead to the store */
#define HUB_PARTS_IDLE_MS (10u * 60 * 1000)    /* an interrupted upload is kept so long */
#define HUB_WRITERS       16384                /* (device, epoch) pairs of one account held in memory */
#define HUB_INVITE_MAX_MS (30LL * 24 * 3600 * 1000)
#define HUB_DEVICES_TEXT  (48u * 1024) /* device rows in one control message */

/* Rates of one connection: what is sustained a second, and the burst above it. */
#define HUB_RATE_CHANGES  30000u
#define HUB_BURST_CHANGES 120000u /* a first import */
#define HUB_RATE_FRAMES   5000u
#define HUB_BURST_FRAMES  50000u
#define HUB_RATE_TEXT     2u /* invites and revocations are a person's acts */
#define HUB_BURST_TEXT    60u
#define HUB_RATE_WANT     100u
#define HUB_BURST_WANT    2000u
#define HUB_BUSY_WAIT_MS  2000 /* when the store cannot write */
#endif
