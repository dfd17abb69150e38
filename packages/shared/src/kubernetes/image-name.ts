// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '../address/parsed.ts';

/** Registry and path, then perhaps a tag, then perhaps a digest. */
const IMAGE_NAME =
  /^(?:[\w.-]+(?::\d{1,5})?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

/** The name of an image as it was given, with `tag` where it says neither tag nor digest. */
export function imageWithTag(text: string, tag: string): Parsed<string> {
  const match = IMAGE_NAME.exec(text);
  if (match === null) {
    return unparsable('the name of an image, such as registry.example.org:5000/fairlead/agent:1.2');
  }
  return parsed(match[1] === undefined && match[2] === undefined ? `${text}:${tag}` : text);
}
