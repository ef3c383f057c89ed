// Probe for the AWS SDK for Java 1.x: one STS client on the default chain, one GetCallerIdentity per line of stdin.

import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.regions.DefaultAwsRegionProviderChain;
import com.amazonaws.services.securitytoken.AWSSecurityTokenService;
import com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder;
import com.amazonaws.services.securitytoken.model.GetCallerIdentityRequest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.stream.Collectors;

public class Main {
    private static AWSSecurityTokenService sts;

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
                sts = connect();
            }
            String arn = sts.getCallerIdentity(new GetCallerIdentityRequest()).getArn();
            return "{\"ok\":true,\"arn\":" + quote(arn) + "}";
        } catch (Exception e) {
            return "{\"ok\":false,\"error\":" + quote(describe(e)) + "}";
        }
    }

    private static AWSSecurityTokenService connect() {
        AWSSecurityTokenServiceClientBuilder builder = AWSSecurityTokenServiceClientBuilder.standard();
        String url = System.getenv("SANDBOX_STS_URL");
        if (url != null) {
            String region = new DefaultAwsRegionProviderChain().getRegion();
            builder.withEndpointConfiguration(new EndpointConfiguration(url, region));
        }
        return builder.build();
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
