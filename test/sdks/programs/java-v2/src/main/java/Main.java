// Probe for the AWS SDK for Java 2.x: one STS client on the default chain, one GetCallerIdentity per line of stdin.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.stream.Collectors;
import software.amazon.awssdk.services.sts.StsClient;

public class Main {
    private static StsClient sts;

    public static void main(String[] args) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        while (lines.readLine() != null) {
            System.out.println(probe());
            System.out.flush();
        }
    }

    private static String probe() {
        try {
            if (sts == null) {
                sts = StsClient.create();
            }
            String arn = sts.getCallerIdentity().arn();
            return "{\"ok\":true,\"arn\":" + quote(arn) + "}";
        } catch (Exception e) {
            return "{\"ok\":false,\"error\":" + quote(describe(e)) + "}";
        }
    }

    /** What printStackTrace shows, causes and suppressed failures included, without the frames. */
    private static String describe(Exception e) {
        StringWriter trace = new StringWriter();
        e.printStackTrace(new PrintWriter(trace, true));
        return trace.toString().lines().map(String::strip)
                .filter(line -> !line.matches("at \\S+\\(.*\\)|\\.\\.\\. \\d+ more"))
                .collect(Collectors.joining(" "));
    }

    private static String quote(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}", " ") + '"';
    }
}
