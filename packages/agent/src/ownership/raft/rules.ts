// SPDX-License-Identifier: Apache-2.0

/**
 * The rules that keep an address from being on two nodes. All are on outside of the simulation, which switches one off at
 * a time to show that it is needed, and that a breach would be found.
 */
export interface Rules {
  /** 1. A grant is counted from when the member asked. Off: from when the answer came. */
  readonly grantsCountFromAsking: boolean;
  /** 2. The coordinator's right expires. Off: it lasts until the coordinator hears of another, and nobody is waited for. */
  readonly rightExpires: boolean;
  /** 3. A restarted voter abstains. Off: it votes and follows at once. */
  readonly restartedAbstain: boolean;
  /** 4. A lower epoch is never followed, and an epoch counts as followed only when it has settled. Off: the last word wins. */
  readonly epochsOrdered: boolean;
  /** 5. Whoever has lost time asks anew before it acts. Off: a grant lasts until a timer has noticed its end. */
  readonly gapsNoticed: boolean;
}

export const ALL_RULES: Rules = {
  grantsCountFromAsking: true,
  rightExpires: true,
  restartedAbstain: true,
  epochsOrdered: true,
  gapsNoticed: true,
};
