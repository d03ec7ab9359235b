import type { AccessService } from '../access/access.service.js';
import type { DecisionService } from '../decision/decision.service.js';
import type { PolicyService } from '../policy/policy.service.js';
import type { EmbeddedServices } from './api-client.js';

/** The record, opened for one command; `close` ends what was opened for it. */
export interface OpenedRecord {
  access: AccessService;
  decisions: DecisionService;
  policies: PolicyService;
  close(): Promise<void>;
}

/** What commands get from the command line's composition root. */
export interface CliContext extends EmbeddedServices {
  /** Joins the embedded record of a running service, or opens the one that the settings name. */
  open(): Promise<OpenedRecord>;
  /**
   * Text of a policy document, checked; POLICY_FILE where no file is named. Throws a PlainFailure that says where it
   * is wrong.
   */
  policyText(file?: string): Promise<string>;
}
