// SPDX-License-Identifier: Apache-2.0

/** Somebody asks which hardware address belongs to an IP address. */
export interface Question {
  /** The IP address asked for, canonical text. */
  readonly address: string;
  readonly askerMac: string;
  /** IP address of the asker; unspecified (`0.0.0.0`, `::`) in a probe for duplicates. */
  readonly askerAddress: string;
}

/** Somebody says that an IP address belongs to a hardware address. */
export interface Claim {
  readonly address: string;
  readonly mac: string;
}

/** What one frame says to us. A frame can do both: ask for one address and claim another. */
export interface NeighbourMessage {
  readonly question?: Question;
  readonly claim?: Claim;
}

/** ARP or NDP: the frames by which neighbours find each other. Pure. */
export interface NeighbourProtocol {
  readonly family: 4 | 6;
  readonly etherType: number;
  /** What the frame says; undefined when it is nothing for us. */
  read(frame: Uint8Array): NeighbourMessage | undefined;
  /** The answer to a question about an address held behind `mac`. */
  answer(question: Question, mac: string): Uint8Array;
  /** The frames of one gratuitous announcement, in the order in which they are sent. */
  announcements(address: string, mac: string): readonly Uint8Array[];
}
