/** What the store is about. */
export interface Book {
  id: string;
  title: string;
  author: string;
  price: number;
  year?: number;
  genre?: string;
  description?: string;
  addedAt?: string;
  changedAt?: string;
  /** Keys in the covers bucket: what was uploaded, and the pictures that were drawn of it. */
  cover?: string;
  thumbnail?: string;
  picture?: string;
  unreadableCover?: string;
}

/** What the form sends; the API holds it against its model. */
export interface BookDraft {
  title: string;
  author: string;
  price: number;
  year?: number;
  genre?: string;
  description?: string;
}

/** Where everything is: `config.json` beside the page, written when the application is deployed. */
export interface Config {
  apiUrl: string;
  coversUrl: string;
  region: string;
  userPoolId: string;
  clientId: string;
  cognitoEndpoint: string;
}

/** The form that S3 takes an upload by. */
export interface UploadForm {
  url: string;
  fields: Record<string, string>;
  key: string;
  bytesMax: number;
}
