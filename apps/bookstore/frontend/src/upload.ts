import { BUCKET_HINTS, Problem, explainBlocked } from "./problems";
import type { UploadForm } from "./types";

/** Post a file to S3 by its form; `progress` gets values from 0 to 1. Fetch tells nothing of uploads, so this is an
 * XMLHttpRequest. */
export function upload(form: UploadForm, file: Blob, progress: (done: number) => void, signal?: AbortSignal): Promise<void> {
  const data = new FormData();
  for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
  data.append("file", file); // S3 reads nothing after the file
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.url);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status < 300) {
        progress(1);
        resolve();
      } else {
        reject(refused(request));
      }
    };
    request.onerror = () => void explainBlocked(form.url, "POST", "The covers bucket", BUCKET_HINTS).then(reject);
    request.onabort = () => reject(new Problem("upload", "Stopped", "The cover was not uploaded."));
    signal?.addEventListener("abort", () => request.abort());
    request.send(data);
  });
}

function refused(request: XMLHttpRequest): Problem {
  const answer = new DOMParser().parseFromString(request.responseText, "text/xml");
  const code = answer.querySelector("Code")?.textContent ?? "";
  const message = answer.querySelector("Message")?.textContent ?? `S3 answered ${request.status}.`;
  const words: Record<string, string> = {
    EntityTooLarge: "The picture is too large.",
    EntityTooSmall: "The file is empty.",
  };
  return new Problem("upload", "The cover was refused", words[code] ?? message, [], `${request.status} ${code}`);
}
