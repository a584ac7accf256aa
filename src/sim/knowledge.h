/* knowledge: the reference model of conflicts, apart from the engine's own bookkeeping. For every file of every device it
 * follows which entry of the log the file is made from: what was placed there, what was sent from there, and what the file
 * came to equal by itself. A person's edit goes on from that. So
 *
 *   a conflict is true   when somebody else's entry lies above all that the file is surely made from;
 *   an overwriting is not silent   when its base is something that the file may be made from.
 *
 * Between "surely" and "may" lies what no engine can know, such as a file that was replaced right before a crash. After
 * that, or when a ledger or the hub came from a backup, the model says nothing. */
#ifndef SIM_KNOWLEDGE_H
#define SIM_KNOWLEDGE_H
#include "sim/simnode.h"

/* The engine put this version into the file. */
void knowledge_placed(struct simnode *n, struct simfile *f, const struct id *version);
void knowledge_committed(struct simfile *f); /* and knows that it did */
void knowledge_lost(struct simfile *f);      /* a power cut changed the file */
void knowledge_chose(struct simnode *n, struct simfile *f); /* a person settled it, seeing the head */
void knowledge_undid(struct simnode *n, unsigned path);     /* … took that back: it holds what was made from less */
/* Two versions became one here: the file is made from both. Whether what it holds now keeps both is for the tokens to say. */
void knowledge_settled(struct simnode *n, const struct settlement_row *row);
/* A person is about to remove the file: where all devices agreed on it, it must stay away. */
void knowledge_removes(struct simnode *n, struct simfile *f);
/* The power is gone: what was removed here and is not on record yet may come back. An engine cannot tell it from what the
 * cut took away. */
void knowledge_cut(struct simnode *n);
/* The log got an entry. Judges Q4, Q6 and I2 by the model, and follows. */
void knowledge_appended(struct cluster *cl, struct simnode *n, const struct witness_item *item, const struct simentry *e,
                        const struct simentry *base);
void knowledge_rest(struct cluster *cl); /* all is quiet: Q3, and everybody has what the head says */
#endif
