// SPDX-License-Identifier: Apache-2.0
import { Document, isScalar, Scalar, visit } from 'yaml';

/** Octal in YAML 1.2, a plain text in 1.1. */
const OCTAL = /^[-+]?0o[0-7]+$/;

/**
 * Objects as YAML, with `---` between them. Texts that YAML 1.1 or 1.2 would take for something else (`yes`, `0x10`, `1:30`)
 * are quoted, for readers of manifests differ in which of the two they follow.
 */
export function writeYaml(objects: readonly object[]): string {
  return objects.map(writeOne).join('---\n');
}

function writeOne(object: object): string {
  const document = new Document(object, { version: '1.1', aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, node) => {
      if (isScalar(node) && typeof node.value === 'string' && OCTAL.test(node.value)) {
        node.type = Scalar.QUOTE_DOUBLE;
      }
    },
  });
  return document.toString({ lineWidth: 0, indentSeq: false, directives: false });
}
