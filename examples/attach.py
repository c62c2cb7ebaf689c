import cni

with cni.netns() as path:
    try:
        with cni.attach("web", container_id="c2", netns=path) as result:
            print("c2 has", result.addresses[0])
            result.attachment.check()
            print("attached:", [a.container_id for a in cni.attachments()])
    except cni.CNIError as error:
        print(error.kind, error)
