/* sim: `syncline sim`. See cluster.h for what is simulated. */
#ifndef SIM_SIM_H
#define SIM_SIM_H
int sim_main(int argc, char **argv);
#endif
